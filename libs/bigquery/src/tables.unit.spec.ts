import type { Dataset, TableField } from '@google-cloud/bigquery';
import { bigQuerySchema, type TableSpec } from '@orderstream/contracts';

import { ensureTables } from './tables';

const SPEC: TableSpec = {
  table: 'events',
  description: 'One row per event',
  columns: [{ name: 'at', type: 'TIMESTAMP', mode: 'REQUIRED', description: '', personal: false }],
  partitionField: 'at',
  clustering: [],
};

/** A dataset whose table has these columns beside those of its contract. */
const withColumns = (...foreign: TableField[]): Dataset =>
  ({
    table: () => ({
      exists: () => Promise.resolve([true]),
      getMetadata: () =>
        Promise.resolve([
          {
            schema: { fields: [...bigQuerySchema(SPEC), ...foreign] },
            timePartitioning: { type: 'DAY', field: 'at' },
          },
        ]),
    }),
  }) as unknown as Dataset;

describe('a table with columns that others have added', () => {
  it.each<[string, TableField]>([
    ['nullable', { name: 'more', type: 'STRING' }],
    ['repeated', { name: 'more', type: 'STRING', mode: 'REPEATED' }],
    ['required with a default', { name: 'more', type: 'STRING', mode: 'REQUIRED', defaultValueExpression: "'EU'" }],
  ])('is accepted when the column is %s', async (_, column) => {
    expect(await ensureTables(withColumns(column), [SPEC])).toEqual([
      { table: 'events', created: false, missingColumns: [] },
    ]);
  });

  it('is rejected at the start when the column is required and has no default', async () => {
    const required = { name: 'more', type: 'STRING', mode: 'REQUIRED' };
    const started = ensureTables(withColumns(required), [SPEC]);
    await expect(started).rejects.toMatchObject({
      code: 'TABLE_MISMATCH',
      message: expect.stringMatching(
        /more is not in the contract and REQUIRED without a default: make it NULLABLE or give it a default/,
      ) as unknown,
    });
  });
});

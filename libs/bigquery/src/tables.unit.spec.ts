import type { Dataset, TableField } from '@google-cloud/bigquery';
import { bigQuerySchema, type Column, type TableSpec } from '@orderstream/contracts';

import { ensureTables, logMissingColumns } from './tables';

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
      { table: 'events', created: false, missingColumns: [], differingOptions: [] },
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

describe('a table that lacks columns of its contract', () => {
  it('is reported with the statement that adds them, as BigQuery can add them', async () => {
    const column = (name: string, type: Column['type'], mode: Column['mode']): Column => ({
      ...{ name, type, mode, description: '', personal: false },
    });
    const added = [
      column('b', 'BYTES', 'NULLABLE'),
      column('r', 'INT64', 'REQUIRED'),
      column('t', 'STRING', 'REPEATED'),
    ];
    const dataset = Object.assign(withColumns(), { id: 'ecommerce_db' });
    const reports = await ensureTables(dataset, [{ ...SPEC, columns: [...SPEC.columns, ...added] }]);
    const addColumns =
      'ALTER TABLE `ecommerce_db.events` ADD COLUMN IF NOT EXISTS b BYTES, ADD COLUMN IF NOT EXISTS r INT64, ' +
      'ADD COLUMN IF NOT EXISTS t ARRAY<STRING>';
    expect(reports).toMatchObject([{ table: 'events', missingColumns: ['b', 'r', 't'], addColumns }]);
    const lines: unknown[] = [];
    logMissingColumns(reports, { warn: (fields, message) => void lines.push(fields, message) });
    expect(lines).toEqual([
      { table: 'events', missingColumns: ['b', 'r', 't'], addColumns },
      expect.stringMatching(
        /^table events lacks b, r, t of its contract.* Run this statement.*: ALTER TABLE/,
      ) as unknown,
    ]);
  });
});

describe('the options of a table', () => {
  const OPTIONS = { partitionExpirationDays: 400, requirePartitionFilter: true, tableLabels: { team: 'data' } };
  const COLUMNS = { schema: { fields: bigQuerySchema(SPEC) } };

  it('are set when it is created', async () => {
    const created: unknown[] = [];
    const dataset = {
      table: () => ({
        exists: () => Promise.resolve([false]),
        getMetadata: () => Promise.resolve([created[0]]),
      }),
      createTable: (_: string, layout: unknown) => Promise.resolve(created.push(layout)),
    } as unknown as Dataset;
    const [report] = await ensureTables(dataset, [SPEC], OPTIONS);
    expect(report).toMatchObject({ created: true, differingOptions: [] });
    expect(created).toEqual([
      expect.objectContaining({
        timePartitioning: { type: 'DAY', field: 'at', expirationMs: '34560000000' },
        requirePartitionFilter: true,
        labels: { team: 'data' },
      }),
    ]);
  });

  it.each<[string, object, string[]]>([
    [
      'nothing',
      { timePartitioning: { type: 'DAY', field: 'at' } },
      [
        'partitions expire never instead of after 400 d',
        'a partition filter is not required',
        'label team is absent instead of data',
      ],
    ],
    [
      'others',
      {
        timePartitioning: { type: 'DAY', field: 'at', expirationMs: '86400000', requirePartitionFilter: true },
        labels: { team: 'ops', own: 'x' },
      },
      ['partitions expire after 1 d instead of after 400 d', 'label team is ops instead of data'],
    ],
  ])('are reported, not changed, when it exists with %s', async (_, metadata, differingOptions) => {
    const dataset = {
      table: () => ({
        exists: () => Promise.resolve([true]),
        getMetadata: () => Promise.resolve([{ ...COLUMNS, ...metadata }]),
      }),
    } as unknown as Dataset;
    expect(await ensureTables(dataset, [SPEC], OPTIONS)).toEqual([
      { table: 'events', created: false, missingColumns: [], differingOptions },
    ]);
  });
});

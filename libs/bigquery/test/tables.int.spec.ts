import { randomUUID } from 'node:crypto';

import type { TableMetadata } from '@google-cloud/bigquery';
import { bigQuerySchema, type Column, type TableSpec } from '@orderstream/contracts';

import { createBigQuery } from '../src/clients';
import { ensureDataset, ensureTables } from '../src/tables';

jest.setTimeout(60_000);

const column = (name: string, type: Column['type'], mode: Column['mode'] = 'NULLABLE'): Column => ({
  name,
  type,
  mode,
  description: name,
  personal: false,
});
const SPEC: TableSpec = {
  table: 'events',
  description: 'One row per event',
  columns: [column('at', 'TIMESTAMP', 'REQUIRED'), column('id', 'STRING', 'REQUIRED'), column('part', 'INT64')],
  partitionField: 'at',
  clustering: ['part', 'id'],
};

describe('tables in the BigQuery emulator', () => {
  const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
  const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT;
  const bigquery = createBigQuery({ project, dataset: '', location: 'US', apiEndpoint });
  const name = `tables_${randomUUID().slice(0, 8)}`;
  afterAll(() => bigquery.dataset(name).delete({ force: true }));

  it('are created once by several that start together', async () => {
    const reports = await Promise.all(
      Array.from({ length: 3 }, async () => ensureTables(await ensureDataset(bigquery, name, 'US'), [SPEC])),
    );
    expect(reports.flat().filter(({ created }) => created)).toHaveLength(1);
    expect(reports.flat().map(({ missingColumns }) => missingColumns)).toEqual([[], [], []]);
  });

  it('may have more columns than their contract; what they lack is reported', async () => {
    const dataset = await ensureDataset(bigquery, name, 'US');
    const columns = [...SPEC.columns.slice(0, 2), column('part', 'INT64'), column('more', 'STRING')];
    expect(await ensureTables(dataset, [{ ...SPEC, columns }])).toEqual([
      {
        ...{ table: 'events', created: false, missingColumns: ['more'], differingOptions: [] },
        addColumns: `ALTER TABLE \`${name}.events\` ADD COLUMN IF NOT EXISTS more STRING`,
      },
    ]);
  });

  it.each<[string, Partial<TableSpec>, RegExp]>([
    ['a column of another type', { columns: [column('id', 'INT64')] }, /id is STRING instead of INT64/],
    [
      'a column of another mode',
      { columns: [column('id', 'STRING', 'REPEATED')] },
      /id is REQUIRED instead of REPEATED/,
    ],
    ['another partitioning column', { partitionField: 'since' }, /partitioned by DAY on at instead of by DAY on since/],
    ['another clustering', { clustering: ['id'] }, /clustered by part, id instead of id/],
  ])('with %s stop the start', async (_, change, message) => {
    const dataset = await ensureDataset(bigquery, name, 'US');
    const started = ensureTables(dataset, [{ ...SPEC, ...change }]);
    await expect(started).rejects.toThrow(message);
    await expect(started).rejects.toMatchObject({ code: 'TABLE_MISMATCH', retriable: false });
  });

  it.each<[string, TableMetadata['timePartitioning'], RegExp]>([
    ['is not partitioned', undefined, /not partitioned instead of by DAY on at/],
    ['is partitioned by HOUR', { type: 'HOUR', field: 'at' }, /partitioned by HOUR on at instead of by DAY/],
    ['is partitioned by ingestion time', { type: 'DAY' }, /partitioned by DAY on the ingestion time instead of/],
  ])('stop the start when a table that others created %s', async (_, timePartitioning, message) => {
    const dataset = await ensureDataset(bigquery, name, 'US');
    const table = `foreign_${randomUUID().slice(0, 8)}`;
    const fields = bigQuerySchema(SPEC);
    await dataset.createTable(table, {
      schema: { fields },
      timePartitioning,
      clustering: { fields: [...SPEC.clustering] },
    });
    await expect(ensureTables(dataset, [{ ...SPEC, table }])).rejects.toThrow(message);
  });
});

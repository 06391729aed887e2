import type { BigQuery, TableMetadata } from '@google-cloud/bigquery';
import { FAMILIES, FAMILY_TABLES } from '@orderstream/contracts';

import { ensureSinkTables } from './sink-tables';

const STREAM_TABLES = FAMILIES.map((family) => FAMILY_TABLES[family]);
const CONNECTION = { project: 'orderstream-local', dataset: 'ecommerce_db', location: 'US' } as const;
const OPTIONS = { partitionExpirationDays: 30, requirePartitionFilter: true, tableLabels: { team: 'data' } };

/** BigQuery with the tables that are created in it, or that others have created before. */
function bigqueryWith(tables: Map<string, TableMetadata>): BigQuery {
  const dataset = {
    exists: () => Promise.resolve([true]),
    table: (name: string) => ({
      exists: () => Promise.resolve([tables.has(name)]),
      getMetadata: () => Promise.resolve([tables.get(name)]),
    }),
    createTable: (name: string, layout: TableMetadata) => Promise.resolve(tables.set(name, layout)),
  };
  return { dataset: () => dataset } as unknown as BigQuery;
}

async function ensure(tables: Map<string, TableMetadata>, options: Partial<typeof OPTIONS>): Promise<unknown[]> {
  const warnings: unknown[] = [];
  const settings = {
    ...CONNECTION,
    apiEndpoint: undefined,
    grpcEndpoint: undefined,
    partitionExpirationDays: undefined,
    requirePartitionFilter: false,
    tableLabels: {},
    ...options,
  };
  await ensureSinkTables(bigqueryWith(tables), settings, { warn: (fields: unknown) => void warnings.push(fields) });
  return warnings;
}

const namesOf = (tables: ReadonlyMap<string, TableMetadata>, has: (table: TableMetadata) => unknown): string[] =>
  [...tables].filter(([, table]) => has(table)).map(([name]) => name);

describe('the options of the tables', () => {
  it('are set for the stream tables that are created, and not for dead_letters', async () => {
    const tables = new Map<string, TableMetadata>();
    expect(await ensure(tables, OPTIONS)).toEqual([]);
    expect([...tables.keys()].sort()).toEqual([...STREAM_TABLES, 'dead_letters'].sort());
    expect(namesOf(tables, ({ timePartitioning }) => timePartitioning?.expirationMs)).toEqual(STREAM_TABLES);
    expect(namesOf(tables, ({ requirePartitionFilter }) => requirePartitionFilter)).toEqual(STREAM_TABLES);
    expect(namesOf(tables, ({ labels }) => labels)).toEqual(STREAM_TABLES);
  });

  it('are reported of the stream tables where they differ, and not of dead_letters', async () => {
    const tables = new Map<string, TableMetadata>();
    await ensure(tables, {});
    expect(await ensure(tables, OPTIONS)).toEqual(
      STREAM_TABLES.map((table) => expect.objectContaining({ table }) as unknown),
    );
    // The expiration of dead_letters is the choice of its owner.
    const own = { ...tables.get('dead_letters')?.timePartitioning, expirationMs: '86400000' };
    tables.set('dead_letters', { ...tables.get('dead_letters'), timePartitioning: own });
    expect(await ensure(tables, {})).toEqual([]);
  });
});

import { randomUUID } from 'node:crypto';
import { createBigQuery, createWriteClient, queryFresh } from '@orderstream/bigquery';

import { ForwardingBackend } from './src/forwarding-backend';
import { MemoryBackend } from './src/memory-backend';
import { WriteApiServer } from './src/write-api-server';
import { DOCUMENTED, EMULATOR, type WriteApi, writeApiFeatures } from './write-api.features';

/** The emulator is slow under load. */
jest.setTimeout(30_000);

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

const project = environment('TEST_BIGQUERY_PROJECT');
const connection = { project, dataset: `write_api_${randomUUID().slice(0, 8)}`, location: 'US' };

async function openMemory(): Promise<WriteApi> {
  const backend = new MemoryBackend({ schemaDelayMs: 3_600_000 });
  const server = new WriteApiServer({ backend });
  const client = createWriteClient({ ...connection, grpcEndpoint: await server.start() });
  let tables = 0;
  return {
    client,
    createTable: (columns) =>
      Promise.resolve(backend.createTable(`projects/${project}/datasets/d/tables/t${++tables}`, columns).path),
    addColumn: async (table, column) => backend.addColumns(table, [column]),
    propagateColumns: (table) => backend.table(table).propagate(),
    ids: (table) =>
      Promise.resolve(
        backend
          .table(table)
          .rows.map(({ id }) => Number(id))
          .toSorted((a, b) => a - b),
      ),
    close: async () => {
      await client.close();
      await server.stop();
    },
  };
}

/** The emulator, directly or through a forwarding server without faults. */
async function openEmulator({ forwarded }: { forwarded: boolean }): Promise<WriteApi> {
  const endpoint = environment('TEST_BIGQUERY_GRPC_ENDPOINT');
  const server = forwarded ? new WriteApiServer({ backend: new ForwardingBackend(endpoint) }) : undefined;
  const client = createWriteClient({ ...connection, grpcEndpoint: (await server?.start()) ?? endpoint });
  const bigquery = createBigQuery({ ...connection, apiEndpoint: environment('TEST_BIGQUERY_API_ENDPOINT') });
  const name = `${connection.dataset}_${forwarded ? 'forwarded' : 'direct'}`;
  await bigquery.createDataset(name, { location: 'US' });
  const dataset = bigquery.dataset(name);
  let tables = 0;
  return {
    client,
    createTable: async (columns) => {
      const table = `t${++tables}`;
      await dataset.createTable(table, { schema: { fields: columns.map((column) => ({ ...column })) } });
      return `projects/${project}/datasets/${name}/tables/${table}`;
    },
    addColumn: () => Promise.reject(new Error('the features of the emulator add no columns')),
    propagateColumns: () => undefined,
    ids: async (table) => {
      const rows = await queryFresh(
        bigquery,
        `SELECT id FROM \`${name}.${table.split('/').at(-1) ?? ''}\` ORDER BY id`,
      );
      return rows.map(({ id }) => Number(id));
    },
    close: async () => {
      await client.close();
      await server?.stop();
      await dataset.delete({ force: true });
    },
  };
}

describe('the Write API server for tests', () => writeApiFeatures(openMemory, DOCUMENTED));

describe('the BigQuery emulator', () => writeApiFeatures(() => openEmulator({ forwarded: false }), EMULATOR));

describe('the BigQuery emulator behind a forwarding server', () =>
  writeApiFeatures(() => openEmulator({ forwarded: true }), EMULATOR));

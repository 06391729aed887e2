import type { BigQuery } from '@google-cloud/bigquery';
import type { v1 } from '@google-cloud/bigquery-storage';
import { TABLES } from '@orderstream/contracts';
import { status } from '@grpc/grpc-js';

import { BigQueryCallError } from './errors';
import { queryFresh } from './query';
import { ensureDataset, ensureTables } from './tables';
import { WriteStreams } from './write-streams';

const never = (): Promise<never> => new Promise(() => undefined);
const TABLE = { project: 'p', dataset: 'd', table: 't' };
const STREAM = 'projects/p/datasets/d/tables/t/streams/s';

/** A client of the Storage Write API whose calls fail with this status. */
function failingStreams(code: status): WriteStreams {
  const fail = (): Promise<never> => Promise.reject(Object.assign(new Error(status[code]), { code }));
  return new WriteStreams({ createWriteStream: fail, finalizeWriteStream: fail } as unknown as v1.BigQueryWriteClient);
}

/** A REST client that gets no answer to `method`; datasets and tables are missing. */
function silent(method: 'exists' | 'create' | 'query'): BigQuery {
  const exists = (): Promise<unknown> => (method === 'exists' ? never() : Promise.resolve([false]));
  const table = () => ({ exists });
  return {
    query: never,
    createDataset: never,
    dataset: () => ({ exists, table, createTable: never }),
  } as unknown as BigQuery;
}

async function errorOf(call: Promise<unknown>): Promise<BigQueryCallError> {
  const failed = call.then(
    () => undefined,
    (error: unknown) => error,
  );
  await jest.advanceTimersByTimeAsync(60_000);
  const error = await failed;
  if (!(error instanceof BigQueryCallError)) throw new Error('expected a BigQueryCallError', { cause: error });
  return error;
}

describe('BigQueryCallError', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const specs = Object.values(TABLES).slice(0, 1);

  it.each<[string, () => Promise<unknown>, string]>([
    ['creating a stream', () => failingStreams(status.UNAVAILABLE).create(TABLE, []), 'CREATE_STREAM_FAILED'],
    ['finalizing a stream', () => failingStreams(status.UNAVAILABLE).finalize(STREAM), 'FINALIZE_FAILED'],
    [
      'finalizing a stream whose end is not proven',
      () => failingStreams(status.UNKNOWN).finalize(STREAM),
      'FINALIZE_FAILED',
    ],
    ['a query', () => queryFresh(silent('query'), 'SELECT 1'), 'QUERY_FAILED'],
    ['looking for a dataset', () => ensureDataset(silent('exists'), 'd', 'US'), 'TABLE_CALL_FAILED'],
    ['creating a dataset', () => ensureDataset(silent('create'), 'd', 'US'), 'TABLE_CALL_FAILED'],
    ['looking for a table', () => ensureTables(silent('exists').dataset('d'), specs), 'TABLE_CALL_FAILED'],
    ['creating a table', () => ensureTables(silent('create').dataset('d'), specs), 'TABLE_CALL_FAILED'],
  ])('has the code of the failed call: %s', async (_, call, code) => {
    expect(await errorOf(call())).toMatchObject({ code, retriable: true, throttled: false });
  });

  it.each([
    [status.RESOURCE_EXHAUSTED, { retriable: true, throttled: true }],
    [status.PERMISSION_DENIED, { retriable: false, throttled: false }],
  ])('says whether a retry may help after status %d, and whether a quota is exceeded', async (code, expected) => {
    expect(await errorOf(failingStreams(code).create(TABLE, []))).toMatchObject(expected);
  });
});

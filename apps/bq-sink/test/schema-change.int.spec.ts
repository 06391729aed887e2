import type { FailureOutcome, PartitionStatus } from '@orderstream/kafka';

import { everyStep } from '../../../test/support/every-step';
import { FailurePolicy } from '../src/failure-policy';
import { LivePartition } from './live-partition';
import { ServedPartition, type ServedPartitionOptions } from './served-partition';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

jest.setTimeout(60_000);

const NEW_COLUMN = 'item_name';
const RECORDS = 300;
const offsets = Array.from({ length: RECORDS }, (_, offset) => offset);
const name = (offset: number): Record<string, unknown> => ({ [NEW_COLUMN]: `lamp ${String(offset)}` });

/** The reason of an append failure; undefined for other errors. */
const reasonOf = ({ cause }: FailureOutcome): unknown =>
  typeof cause === 'object' && cause !== null
    ? Object.entries(cause).find(([key]) => key === 'reason')?.[1]
    : undefined;

describe('a partition whose table lacks a column of its contract', () => {
  let served: ServedPartition | undefined;
  let live: LivePartition | undefined;
  const serve = async (options: ServedPartitionOptions): Promise<ServedPartition> => {
    served = new ServedPartition({ without: [NEW_COLUMN], ...options });
    await served.start();
    return served;
  };
  afterEach(async () => {
    await everyStep(
      () => live?.tearDown(),
      () => served?.stop(),
    );
    live = served = undefined;
  });

  const expectAllLanded = (partition: ServedPartition): void => {
    expect(partition.offsets()).toEqual(offsets);
    expect(partition.rows().map((row) => row[NEW_COLUMN])).toEqual(offsets.map((offset) => name(offset)[NEW_COLUMN]));
    expect(partition.dead()).toEqual([]);
    expect(partition.committed.offset).toBe(RECORDS);
  };

  it('retries until the table and then the streams have the column, and writes each record once with it', async () => {
    const partition = await serve({ schemaDelayMs: 3_600_000 });
    const running = partition.run(RECORDS, name);
    await waitUntil(() => partition.failures >= 3, { what: 'it has failed three times', deadlineMs: WAIT_MS });
    partition.addMissingColumns();
    const failedBefore = partition.failures;
    // The first failure may belong to an attempt that started before.
    await waitUntil(() => partition.failures >= failedBefore + 2, {
      what: 'it has failed twice since',
      deadlineMs: WAIT_MS,
    });
    partition.propagateColumns();
    const failures = await running;
    // First the creation of a stream fails. Later streams have the column, but their appends are still rejected.
    const reasons = failures.map(reasonOf);
    const firstAppend = reasons.indexOf('schema-behind');
    expect(firstAppend).toBeGreaterThanOrEqual(3);
    expect(reasons.slice(0, firstAppend)).toEqual(Array.from({ length: firstAppend }, () => undefined));
    expect(reasons.slice(firstAppend).every((reason) => reason === 'schema-behind')).toBe(true);
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'retry', afterMs: 200 });
    expectAllLanded(partition);
    expect(await partition.metric('orderstream_partition_failures_total', { reason: 'schema-behind' })).toBe(
      failures.length,
    );
  });

  it('retries when an append in the middle of a stream is answered, or its call ends, with a missing column', async () => {
    const partition = await serve({ without: [] });
    for (const [skip, inBand] of [
      [1, true],
      [3, false],
    ] as const) {
      partition.server.faults.add({
        on: 'AppendRows',
        skip,
        fault: { kind: 'fail', code: 'INVALID_ARGUMENT', storageError: 'SCHEMA_MISMATCH_EXTRA_FIELDS', inBand },
      });
    }
    const failures = await partition.run(RECORDS, name);
    expect(failures.map(reasonOf)).toEqual(['schema-behind', 'schema-behind']);
    expectAllLanded(partition);
  });

  it.each([
    ['new streams do not have the column', false],
    ['new streams have the column and their appends are rejected', true],
  ])('stops at the schema timeout while %s, and continues once the column is there', async (_, streamsHaveColumn) => {
    const partition = await serve({ schemaTimeoutMs: 400, schemaDelayMs: 3_600_000 });
    if (streamsHaveColumn) partition.addMissingColumns();
    const failures = await partition.run(RECORDS, name);
    expect(failures.length).toBeGreaterThanOrEqual(2);
    expect(failures.at(-1)).toMatchObject({ kind: 'stop' });
    expect(failures.slice(0, -1).every(({ kind }) => kind === 'retry')).toBe(true);
    expect(partition.offsets()).toEqual([]);
    expect(partition.dead()).toEqual([]);

    if (!streamsHaveColumn) partition.addMissingColumns();
    partition.propagateColumns();
    expect(await partition.run(RECORDS, name)).toEqual([]);
    expectAllLanded(partition);
  });

  it('stays stopped, with its lag, until an operator resumes it', async () => {
    const partition = await serve({});
    live = new LivePartition();
    await live.setUp();
    await live.produce(50);
    const server = await live.serve(partition.warehouse(), new FailurePolicy(400, () => Date.now()));
    const status = (): PartitionStatus | undefined => server.describe().partitions[0];
    await waitUntil(() => status()?.state === 'stopped', { what: 'the partition is stopped', deadlineMs: WAIT_MS });
    expect(status()).toMatchObject({
      lag: 50,
      error: expect.stringMatching(/Add the column: the service logged the statement/) as unknown,
    });
    expect(server.health().ready.ok).toBe(false);
    expect(partition.offsets()).toEqual([]);

    partition.addMissingColumns();
    server.resume();
    await waitUntil(() => status()?.lag === 0, { what: 'everything is settled', deadlineMs: WAIT_MS });
    expect(partition.offsets()).toEqual(offsets.slice(0, 50));
    expect(await live.deadLetters()).toEqual([]);
    expect(status()).toMatchObject({ state: 'running' });
  });
});

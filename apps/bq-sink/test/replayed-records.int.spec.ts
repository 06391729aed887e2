import { type Column, TABLES, type TableSpec } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import type { KafkaRecord } from '@orderstream/kafka';

import { FailurePolicy } from '../src/failure-policy';
import { LivePartition, type Owner } from './live-partition';

jest.setTimeout(60_000);

const TOO_LARGE = '99999999999999999999999999999999999.00';
const COORDINATES = '_kafka_topic, _kafka_offset, _retry_partition, _retry_offset, UNIX_MILLIS(_kafka_timestamp) AS ms';

const WAIT_MS = 20_000;
const DEAD_LETTERS = TABLES.dead_letters as TableSpec;
const bytes = (name: string): Column => ({ name, type: 'BYTES', mode: 'NULLABLE', description: name, personal: true });
/** As the versions had it that did not write it. */
const OLDER_DEAD_LETTERS: TableSpec = {
  ...DEAD_LETTERS,
  columns: [
    ...DEAD_LETTERS.columns.filter(({ name }) => !/^(record_key|body|cut)/.test(name)),
    ...['key', 'value'].map(bytes),
  ],
};

const text = ({ headers }: KafkaRecord, name: string): string => String(headers[name]);
/** As an operator edits a price in a replay. */
const edited = (letter: KafkaRecord): KafkaRecord => ({
  ...letter,
  value: Buffer.from(String(letter.value).replace(TOO_LARGE, '1.00')),
});

/** Reads and commits what the partition has, and ends. */
async function settle(partition: LivePartition): Promise<Owner> {
  const owner = await partition.open();
  await partition.feed(owner);
  await owner.sink.drain(AbortSignal.timeout(20_000));
  await partition.settled(owner);
  await owner.sink.close();
  return owner;
}

/** An owner whose appends land, and which is killed before the commit behind them. */
async function killedBeforeCommit(partition: LivePartition, rows: number): Promise<void> {
  const transactions = await partition.openTransactions();
  let commits = 0;
  const opening = jest.spyOn(partition, 'openTransactions').mockResolvedValueOnce({
    committed: transactions.committed,
    commit: (writes) => (commits++ === 0 ? transactions.commit(writes) : new Promise(() => undefined)),
    assertCurrent: () => transactions.assertCurrent(),
    close: () => transactions.close(),
  });
  const killed = await partition.open();
  await partition.feed(killed);
  await partition.landed(rows);
  await killed.sink.close();
  opening.mockRestore();
}

describe('records that BigQuery rejects and a replay returns', () => {
  let validated: LivePartition;
  let retried: LivePartition;
  beforeEach(async () => {
    validated = new LivePartition();
    await validated.setUp();
    retried = await validated.also('retry');
    // The offsets of the two logs differ: rejected are the offsets from 20 on.
    await validated.produce(30, (index) => (index < 20 ? {} : { item_price: TOO_LARGE }));
    await settle(validated);
    expect((await validated.letters()).map((letter) => text(letter, 'dlq-source-offset'))).toHaveLength(10);
  });
  afterEach(async () => {
    await retried.tearDown();
    await validated.tearDown();
  });

  it('are rows with their original coordinates, once when the sink is killed between append and commit', async () => {
    const letters = await validated.letters();
    await retried.send(letters.map(edited));
    await killedBeforeCommit(retried, 30);
    const successor = await settle(retried);
    expect([successor.from, successor.skipped()]).toEqual([0, 10]);
    const rows = await retried.select<Record<string, unknown>>(COORDINATES, '_kafka_offset');
    expect(rows.map((row) => [row._kafka_topic, row._kafka_offset, row._retry_offset])).toEqual(
      Array.from({ length: 30 }, (_, offset) => [validated.topic, offset, offset < 20 ? null : offset - 20]),
    );
    expect(rows.slice(20).map(({ ms }) => ms)).toEqual(
      letters.map((letter) => Date.parse(text(letter, 'dlq-source-timestamp'))),
    );
    // The rows of the retry topic do not count for the validated topic.
    expect((await validated.open()).from).toBe(30);
  });

  it('are counted by their offsets in the retry topic when the stream is gone', async () => {
    await retried.send((await validated.letters()).slice(0, 4).map(edited));
    const first = await settle(retried);
    expect(first.from).toBe(0);
    const transactions = await retried.openTransactions();
    const s = 'projects/p/datasets/d/tables/t/streams/forgotten';
    await transactions.commit({ records: [], offset: 1, metadata: JSON.stringify({ v: 2, s, n: 1 }) });
    await transactions.close();
    // Two more: by their offsets in the source log, from 20 on, they would lie behind rows that are there.
    await retried.send((await validated.letters()).slice(4, 6).map(edited));
    const successor = await settle(retried);
    expect(successor.from).toBe(4);
    expect(await retried.rows()).toEqual(Array.from({ length: 26 }, (_, offset) => offset));
  });

  it('are dead letters again if they are rejected again: same source, next attempt, same first failure', async () => {
    let letters: readonly KafkaRecord[] = (await validated.letters()).slice(0, 1);
    const [first] = letters as [KafkaRecord];
    for (let attempt = 2; attempt <= 6; attempt++) {
      await retried.send(letters);
      await settle(retried);
      letters = attempt <= 5 ? (await validated.letters()).slice(-1) : await retried.parked();
      const [again] = letters as [KafkaRecord];
      expect(letters).toHaveLength(1);
      expect(text(again, 'dlq-attempt')).toBe(String(attempt));
      for (const name of ['dlq-source-topic', 'dlq-source-offset', 'dlq-source-timestamp', 'dlq-first-failed-at']) {
        expect([name, text(again, name)]).toEqual([name, text(first, name)]);
      }
    }
    expect(await validated.letters()).toHaveLength(10 + 4);
    expect(await retried.rows()).toHaveLength(20);
  });
});

describe('the dead letters of the sink', () => {
  it('are one row each in dead_letters when the sink is killed between append and commit, and when the stream is gone', async () => {
    const validated = new LivePartition();
    await validated.setUp();
    const letters = await validated.also('dead-letters');
    try {
      await validated.produce(12, () => ({ item_price: TOO_LARGE, stranger: 1 }));
      await settle(validated);
      await letters.send([{ key: null, value: Buffer.from([0x00, 0xff]), headers: {} }]);
      await killedBeforeCommit(letters, 13);
      const successor = await settle(letters);
      expect([successor.from, successor.skipped()]).toEqual([0, 13]);

      const transactions = await letters.openTransactions();
      const s = 'projects/p/datasets/d/tables/t/streams/forgotten';
      await transactions.commit({ records: [], offset: 3, metadata: JSON.stringify({ v: 2, s, n: 3 }) });
      await transactions.close();
      await letters.send([{ key: Buffer.from('k'), value: Buffer.from('x'), headers: {} }]);
      await settle(letters);

      const rows = await letters.select<Record<string, unknown>>(
        'reason, source_topic, source_offset, attempt, body, TO_BASE64(body_bytes) AS bytes',
        '_kafka_offset',
      );
      expect(rows).toHaveLength(14);
      expect(rows.slice(0, 12).map((row) => [row.reason, row.source_topic, row.source_offset, row.attempt])).toEqual(
        Array.from({ length: 12 }, (_, offset) => ['sink.row_not_encodable', validated.topic, offset, 1]),
      );
      expect(rows.slice(12).map(({ reason, body, bytes }) => [reason, body, bytes])).toEqual([
        ['dead_letter.unreadable', null, 'AP8='],
        ['dead_letter.unreadable', 'x', null],
      ]);
    } finally {
      await letters.tearDown();
      await validated.tearDown();
    }
  });

  it('wait while dead_letters is one of an older version, until the statement that the start logs has added its columns', async () => {
    const validated = new LivePartition();
    await validated.setUp();
    const letters = await validated.also('dead-letters', OLDER_DEAD_LETTERS);
    try {
      await validated.produce(3, () => ({ item_price: TOO_LARGE }));
      await settle(validated);
      const server = await letters.serve(letters.warehouse(), new FailurePolicy(400, () => Date.now()));
      const status = () => server.describe().partitions[0];
      await waitUntil(() => status()?.state === 'stopped', { what: 'the partition to stop', deadlineMs: WAIT_MS });
      expect(status()).toMatchObject({
        error: expect.stringMatching(/record_key.* Add the column: the service logged the statement/) as unknown,
      });
      expect(status()?.lag).toBeGreaterThanOrEqual(3);
      expect(await letters.rows()).toEqual([]);

      const added = await letters.addMissingColumns();
      expect([...added].sort()).toEqual(['body', 'body_bytes', 'cut', 'record_key', 'record_key_bytes']);
      server.resume();
      await letters.landed(3);
      expect(await letters.rows()).toEqual([0, 1, 2]);
      const bodies = await letters.select<{ body: string | null }>('body', '_kafka_offset');
      expect(bodies.map(({ body }) => JSON.parse(body ?? 'null') as unknown)).toEqual(
        Array.from({ length: 3 }, () => expect.objectContaining({ item_price: TOO_LARGE }) as unknown),
      );
    } finally {
      await letters.tearDown();
      await validated.tearDown();
    }
  });
});

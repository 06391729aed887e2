import { LivePartition } from './live-partition';

const offsets = (count: number): number[] => Array.from({ length: count }, (_, offset) => offset);
const NOT_ABORTED = new AbortController().signal;

jest.setTimeout(60_000);

describe('a partition on the broker and the BigQuery emulator', () => {
  let live: LivePartition;
  beforeEach(async () => {
    live = new LivePartition();
    await live.setUp();
  });
  afterEach(() => live.tearDown());

  it('continues after a drain without finalizing a stream and without a query', async () => {
    await live.produce(50);
    const first = await live.open();
    expect(first.from).toBe(0);
    expect(await live.feed(first)).toEqual({ kind: 'ack' });
    await first.sink.drain(NOT_ABORTED);
    expect(first.sink.describe()).toMatchObject({ committed: 50, stream: null, pendingRecords: 0 });
    await first.sink.close();

    await live.produce(30);
    const called = jest.fn();
    const second = await live.open({ lastOffset: called, finalize: called });
    expect(second.from).toBe(50);
    expect(called).not.toHaveBeenCalled();
    await second.sink.close();
    const third = await live.open();
    await live.feed(third);
    await live.settled(third);
    expect(await live.rows()).toEqual(offsets(80));
  });

  it('skips the durable rows of an owner that hangs between append and commit, and rejects its later appends', async () => {
    await live.produce(45);
    const first = await live.open();
    await live.feed(first);
    await live.settled(first);
    await live.produce(45);
    // It commits its stream and hangs in its next commit: its appends land, and its position does not move.
    const transactions = await live.openTransactions();
    let commits = 0;
    const opening = jest.spyOn(live, 'openTransactions').mockResolvedValueOnce({
      committed: transactions.committed,
      commit: (writes) => (commits++ === 0 ? transactions.commit(writes) : new Promise(() => undefined)),
      assertCurrent: () => transactions.assertCurrent(),
      close: () => transactions.close(),
    });
    const zombie = await live.open();
    expect(zombie.from).toBe(45);
    await live.feed(zombie);
    await live.landed(90);
    opening.mockRestore();

    const successor = await live.open();
    expect(successor.from).toBe(45);
    await live.produce(10);
    expect(await live.feed({ ...zombie, from: 90 })).toEqual({ kind: 'ack' });
    await live.feed(successor);
    await live.settled(successor);
    expect(successor.skipped()).toBe(45);
    await live.failed(zombie);
    expect(await live.rows()).toEqual(offsets(100));
  });

  it('rejects the appends and commits of a former owner once the next one has opened', async () => {
    await live.produce(20);
    const opening = jest.spyOn(live, 'openTransactions');
    const zombie = await live.open();
    const [opened] = opening.mock.results;
    const zombieTransactions = await (opened?.value as ReturnType<LivePartition['openTransactions']>);
    await live.feed(zombie);
    await live.settled(zombie);
    const owner = await live.open();
    await live.produce(40);
    // Both read the same records.
    await Promise.all([live.feed({ ...zombie, from: 20 }), live.feed(owner)]);
    await live.settled(owner);
    await live.failed(zombie);
    expect(await live.rows()).toEqual(offsets(60));
    expect(zombie.sink.describe().committed).toBe(20);
    const commit = zombieTransactions.commit({ records: [], offset: 20, metadata: '{"v":2}' });
    await expect(commit).rejects.toMatchObject({ code: 'TRANSACTION_FAILED', fenced: true });
  });

  it('dead-letters only the rows that the encoder or BigQuery rejects', async () => {
    await live.produce(60, (index) => {
      if (index % 25 === 3) return { item_price: '99999999999999999999999999999999999.00' };
      return index % 25 === 7 ? { stranger: 1 } : {};
    });
    const owner = await live.open();
    await live.feed(owner);
    await live.settled(owner);
    await owner.sink.close();
    const rejected = [3, 7, 28, 32, 53, 57];
    expect(await live.rows()).toEqual(offsets(60).filter((offset) => !rejected.includes(offset)));
    const reasons = ['sink.row_rejected', 'sink.row_not_encodable'];
    expect((await live.deadLetters()).sort(([a], [b]) => a - b)).toEqual(
      rejected.map((offset, index) => [offset, reasons[index % 2]]),
    );
    const successor = await live.open();
    expect(successor.from).toBe(60);
  });

  it('finds the position by a query when the stream is gone', async () => {
    await live.produce(50);
    const first = await live.open();
    await live.feed(first);
    await live.settled(first);
    const { stream } = first.sink.describe();
    await first.sink.close();
    const transactions = await live.openTransactions();
    await transactions.commit({
      records: [],
      offset: 10,
      metadata: JSON.stringify({ v: 2, s: `${stream ?? ''}x`, n: 10 }),
    });
    await transactions.close();
    // The row of a replay does not count.
    await live.copyRow(7, '52 AS _kafka_offset, 0 AS _retry_partition');

    await live.produce(10);
    const successor = await live.open();
    expect(successor.from).toBe(50);
    await live.feed(successor);
    await live.settled(successor);
    expect(await live.rows()).toEqual([...offsets(60), 52].sort((a, b) => a - b));
  });

  it.each([
    [
      'the table has rows and nothing is committed',
      undefined,
      /nothing is committed, and the table has rows up to offset 9/,
    ],
    ['the metadata was not written by a sink', { offset: 3, metadata: 'x' }, /without the metadata of a sink/],
    ['the log ends before the position', { offset: 99, metadata: '{"v":2}' }, /the log ends at 10/],
    [
      'the stream holds fewer rows than were committed',
      { offset: 5, n: 77 },
      /holds 10 rows, fewer than the 77 committed/,
    ],
    ['more rows are durable than the log has records', { offset: 8, n: 0 }, /10 more rows are durable/],
  ])('stops when %s', async (_, committed, message) => {
    await live.produce(10);
    const first = await live.open();
    await live.feed(first);
    await live.settled(first);
    const { stream } = first.sink.describe();
    await first.sink.close();
    const transactions = {
      committed: { offset: committed?.offset, metadata: undefined as string | undefined },
      commit: jest.fn(),
      assertCurrent: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    if (committed !== undefined) {
      transactions.committed.metadata =
        'n' in committed ? JSON.stringify({ v: 2, s: stream, n: committed.n }) : committed.metadata;
    }
    jest.spyOn(live, 'openTransactions').mockResolvedValue(transactions);
    await expect(live.open()).rejects.toThrow(message);
    await expect(live.open()).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS', retriable: false });
  });

  it('stops at a topic that was re-created, however long the new log is, until set-position leads on', async () => {
    await live.produce(30);
    const first = await live.open();
    await live.feed(first);
    await live.settled(first);
    await first.sink.drain(NOT_ABORTED);
    await first.sink.close();
    const opened = await live.openTransactions();
    const { metadata = '' } = opened.committed;
    await opened.close();
    expect(metadata).toMatch(/^\{"v":2,"log":"[\w-]{22}"\}$/);

    await live.recreateTopic();
    await live.produce(50);
    // Kafka has deleted the committed offset with the topic.
    await expect(live.open()).rejects.toThrow(/nothing is committed, and the table has rows up to offset 29/);
    // A former owner commits late what belongs to the old topic.
    const late = await live.openTransactions();
    await late.commit({ records: [], offset: 30, metadata });
    await late.close();
    for (const attempt of ['after a restart', 'after a resume']) {
      const opening = live.open().then(() => `opened ${attempt}`);
      await expect(opening).rejects.toMatchObject({
        code: 'RECOVERY_AMBIGUOUS',
        retriable: false,
        message: expect.stringMatching(
          /the position was committed for the topic with id \S+, and the topic of this name has id \S+:.*`npm run set-position -- bq-sink --family .* --partition 0 --to beginning`/,
        ) as string,
      });
    }
    await expect(live.move('next-batch')).rejects.toMatchObject({ code: 'POSITION_REJECTED' });
    await expect(live.move('beginning')).rejects.toThrow(/rows up to offset 29/);
    await live.deleteRows();
    expect(await live.move('beginning')).toMatchObject({ before: 30, position: 0, lastRow: null });
    const next = await live.open();
    expect(next.from).toBe(0);
    await live.feed(next);
    await live.settled(next);
    expect(await live.rows()).toEqual(offsets(50));
  });
});

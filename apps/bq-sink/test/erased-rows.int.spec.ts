import { LivePartition } from './live-partition';

jest.setTimeout(60_000);

const COMMITTED = 10;
const RECORDS = 50;
const range = (from: number, until: number): number[] => Array.from({ length: until - from }, (_, at) => from + at);

/** The table lacks rows above the committed offset, and the stream that would count them is gone. */
describe('a partition whose rows were erased before the fallback query counts them', () => {
  let live: LivePartition;
  beforeEach(async () => {
    live = new LivePartition();
    await live.setUp();
    await live.produce(RECORDS);
    const first = await live.open();
    await live.feed(first);
    await live.settled(first);
    const { stream } = first.sink.describe();
    await first.sink.close();
    const transactions = await live.openTransactions();
    const metadata = JSON.stringify({ v: 2, s: `${stream ?? ''}x`, n: COMMITTED });
    await transactions.commit({ records: [], offset: COMMITTED, metadata });
    await transactions.close();
  });
  afterEach(() => live.tearDown());

  it.each([
    ['between others: they stay erased', '_kafka_offset BETWEEN 20 AND 29', 50, [...range(0, 20), ...range(30, 60)]],
    ['the last ones: they are appended again', '_kafka_offset >= 40', 40, range(0, 60)],
    [
      'some, and the last one: only what is above every row',
      '_kafka_offset IN (15, 49)',
      49,
      [...range(0, 15), ...range(16, 60)],
    ],
    [
      'all above the committed offset: they are appended again',
      `_kafka_offset >= ${String(COMMITTED)}`,
      10,
      range(0, 60),
    ],
    ['below it: they stay erased', '_kafka_offset < 5', 50, range(5, 60)],
  ])('has each other row once, and appends those behind it: %s', async (_, which, from, expected) => {
    await live.deleteRows(which);
    await live.produce(10);
    const next = await live.open();
    expect(next.from).toBe(from);
    await live.feed(next);
    await live.settled(next);
    expect(await live.rows()).toEqual(expected);
  });

  it('stops where neither the table nor the log shows what was appended, instead of a gap', async () => {
    await live.deleteRows(`_kafka_offset >= ${String(COMMITTED)}`);
    await live.expireBelow(30);
    await expect(live.open()).rejects.toMatchObject({
      code: 'RECOVERY_AMBIGUOUS',
      retriable: false,
      message: expect.stringMatching(
        /the log starts at 30, after the committed position 10: .*--to beginning/,
      ) as string,
    });
    expect(await live.rows()).toEqual(range(0, COMMITTED));
  });
});

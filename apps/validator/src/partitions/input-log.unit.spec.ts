import { compareLog, type InputLog, type KnownLog, type LogRange } from './input-log';

interface Log extends LogRange {
  /** Append times by offset. */
  readonly records?: Readonly<Record<number, number>>;
}

const logOf = ({ records = {}, start, end }: Log, ranges: LogRange[] = []): InputLog => ({
  range: () => Promise.resolve(ranges.shift() ?? { start, end }),
  appendMsAt: (offset) => Promise.resolve(records[offset]),
});

/** A state of 1,000 records, of which the last was appended at 77. */
const known = (changes: Partial<KnownLog> = {}): KnownLog => ({
  nextOffset: 1_000,
  topicId: undefined,
  topicIds: [],
  mark: { topicId: undefined, lastOffset: 999, lastAppendMs: 77 },
  ...changes,
});

const differenceOf = async (log: Log, expected = known()): Promise<string | undefined> =>
  (await compareLog(logOf(log), expected)).difference;

describe('a log that is compared with the one of a state', () => {
  it.each<[string, Log]>([
    ['holds the last evaluated record', { start: 0, end: 1_500, records: { 999: 77 } }],
    ['ends where the state ends', { start: 0, end: 1_000, records: { 999: 77 } }],
    ['has lost that record to retention', { start: 1_000, end: 1_500 }],
  ])('is the same when it %s', async (_, log) => {
    expect(await differenceOf(log)).toBeUndefined();
  });

  it.each<[string, Log, RegExp]>([
    ['ends before it', { start: 0, end: 999 }, /ends at 999, before offset 1000/],
    ['is longer, with another record there', { start: 0, end: 1_500, records: { 999: 4_000 } }, /1970-01-01T00:00:04/],
    ['is longer, without a record there', { start: 0, end: 1_500 }, /has none there/],
  ])('is another one when it %s', async (_, log, found) => {
    expect(await differenceOf(log)).toMatch(found);
  });

  it.each([
    [['a'], 'a', undefined],
    [['a', 'a'], 'a', undefined],
    [[undefined, 'a'], 'b', 'the topic has the id b, and not a'],
    [['a', undefined], 'b', 'the topic has the id b, and not a'],
  ] as const)('is recognized by the ids %j when the topic has the id %s', async (topicIds, topicId, expected) => {
    // The record says the contrary, and is not needed.
    const record = expected === undefined ? 4_000 : 77;
    const log = { start: 0, end: 1_500, records: { 999: record } };
    expect(await differenceOf(log, known({ topicId, topicIds }))).toBe(expected);
  });

  it.each([
    [[undefined], 'b'],
    [['a'], undefined],
  ] as const)('is recognized by its record when an id is absent: %j and %s', async (topicIds, topicId) => {
    const log = (record: number): Log => ({ start: 0, end: 1_500, records: { 999: record } });
    expect(await differenceOf(log(77), known({ topicId, topicIds }))).toBeUndefined();
    expect(await differenceOf(log(78), known({ topicId, topicIds }))).toBeDefined();
  });

  it('is asked for its end again: a broker that has just started may answer with an earlier one', async () => {
    const log = { start: 0, end: 1_000, records: { 999: 77 } };
    const early = [{ start: 0, end: 900 }];
    expect(await compareLog(logOf(log, early), known())).toMatchObject({ end: 1_000, difference: undefined });
  });
});

import type { Finalized } from '@orderstream/bigquery';

import { NO_FAULTS } from './fault-points';
import { type Recovered, recover } from './recovery';

interface Setup {
  /** End of the log before the stream is finalized or the table is queried, and after that. */
  readonly ends: readonly [before: number, after: number];
  /** The answers to FinalizeWriteStream; the last one is repeated. */
  readonly finalized: readonly Finalized[];
  readonly lastRow?: number;
  /** First offset of the log; 0 by default. */
  readonly start?: number;
  /** Id of the topic in the committed metadata, and now. */
  readonly topicIds?: readonly [committed: string | undefined, now: string | undefined];
}

const ROWS = (rows: number): Finalized => ({ kind: 'rows', rows });
const GONE: Finalized = { kind: 'gone' };
const NO_COUNT: Finalized = { kind: 'no-count' };

/** Recovers from position 100, with a stream that had 7 rows there. Returns its calls in order, and its result. */
async function run({
  ends: [before, after],
  start = 0,
  finalized,
  lastRow,
  topicIds = [undefined, undefined],
}: Setup): Promise<{
  readonly calls: readonly string[];
  readonly recovered: Promise<Recovered>;
}> {
  const calls: string[] = [];
  const answers = [...finalized];
  let end = before;
  const [committedId, topicId] = topicIds;
  const recovered = recover({
    partition: { topic: 'orders', partition: 0 },
    committed: { offset: 100, metadata: JSON.stringify({ v: 2, s: 'streams/1', n: 7, log: committedId }), topicId },
    logBounds: () => Promise.resolve({ start, end }),
    warehouse: {
      finalize: () => {
        calls.push('finalize');
        const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? GONE;
        if (answer.kind === 'rows') end = after;
        return Promise.resolve(answer);
      },
      lastOffset: (from) => {
        calls.push(`query from ${String(from)}`);
        end = after;
        return Promise.resolve(lastRow);
      },
    },
    wait: () => {
      calls.push('wait');
      return Promise.resolve();
    },
    faults: NO_FAULTS,
  });
  await recovered.catch(() => undefined);
  return { calls, recovered };
}

describe('recovery while a former owner still appends', () => {
  it('counts rows of records that were produced before the stream was finalized', async () => {
    const { recovered } = await run({ ends: [100, 105], finalized: [ROWS(12)] });
    expect(await recovered).toMatchObject({ offset: 100, durableRows: 5, logEnd: 105 });
  });

  it('continues after the row of such a record when the stream is gone', async () => {
    const { recovered } = await run({ ends: [100, 105], finalized: [GONE], lastRow: 104 });
    expect(await recovered).toMatchObject({ offset: 105, durableRows: 0, logEnd: 105 });
  });

  it.each<[string, Setup]>([
    ['the stream has more rows than the log has records', { ends: [100, 105], finalized: [ROWS(13)] }],
    ['the table has a row beyond the end of the log', { ends: [100, 105], finalized: [GONE], lastRow: 105 }],
  ])('stops when %s', async (_, setup) => {
    await expect((await run(setup)).recovered).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS' });
  });
});

describe('the end of the committed stream', () => {
  const FALLBACK = 'query from 100';

  it.each<[string, readonly Finalized[], readonly string[], Partial<Recovered>]>([
    ['rows', [ROWS(9)], ['finalize'], { durableRows: 2, byQuery: false }],
    [
      'not found, and rows after the wait',
      [GONE, ROWS(9)],
      ['finalize', 'wait', 'finalize'],
      { durableRows: 2, byQuery: false },
    ],
    [
      'not found, and still not found after the wait',
      [GONE, GONE],
      ['finalize', 'wait', 'finalize', FALLBACK],
      { offset: 103, byQuery: true },
    ],
    [
      'not found, and finalized by another owner after the wait',
      [GONE, NO_COUNT],
      ['finalize', 'wait', 'finalize', FALLBACK],
      { offset: 103, byQuery: true },
    ],
    ['finalized without a count', [NO_COUNT], ['finalize', FALLBACK], { offset: 103, byQuery: true }],
  ])('gives the position: %s', async (_, finalized, expectedCalls, expected) => {
    const { calls, recovered } = await run({ ends: [110, 110], finalized, lastRow: 102 });
    expect(calls).toEqual(expectedCalls);
    expect(await recovered).toMatchObject(expected);
  });
});

describe('a committed position outside the log', () => {
  it.each<[string, Pick<Setup, 'start' | 'ends'>, RegExp]>([
    ['the log starts after it', { start: 101, ends: [110, 110] }, /the log starts at 101, after .* position 100/],
    ['the log ends before it', { ends: [99, 99] }, /the log ends at 99, before .* position 100/],
  ])('stops the partition and touches nothing: %s', async (_, log, message) => {
    const { calls, recovered } = await run({ ...log, finalized: [ROWS(7)] });
    await expect(recovered).rejects.toMatchObject({
      code: 'RECOVERY_AMBIGUOUS',
      message: expect.stringMatching(message) as unknown,
    });
    expect(calls).toEqual([]);
  });

  it.each([100, 0])('is in a log from %d to it', async (start) => {
    const { recovered } = await run({ start, ends: [100, 100], finalized: [ROWS(7)] });
    expect(await recovered).toMatchObject({ offset: 100, durableRows: 0 });
  });
});

it('does not go back before the committed position, whatever row the query finds', async () => {
  const { recovered } = await run({ ends: [110, 110], finalized: [NO_COUNT], lastRow: 42 });
  expect(await recovered).toMatchObject({ offset: 100 });
});

describe('the id of the topic', () => {
  const setup: Setup = { ends: [110, 110], finalized: [ROWS(7)] };

  it('stops the partition when the position was committed for another topic of this name', async () => {
    const { calls, recovered } = await run({ ...setup, topicIds: ['old', 'new'] });
    await expect(recovered).rejects.toMatchObject({
      code: 'RECOVERY_AMBIGUOUS',
      message: expect.stringMatching(
        /committed for the topic with id old, and the topic of this name has id new/,
      ) as unknown,
    });
    expect(calls).toEqual([]);
  });

  it.each<[string | undefined, string | undefined, string | undefined]>([
    ['same', 'same', 'same'],
    [undefined, 'new', 'new'],
    ['old', undefined, 'old'],
    [undefined, undefined, undefined],
  ])('is no difference when it was %s and is %s, and %s is committed', async (committed, now, expected) => {
    const { recovered } = await run({ ...setup, topicIds: [committed, now] });
    expect(await recovered).toMatchObject({ offset: 100, durableRows: 0 });
    expect((await recovered).topicId).toBe(expected);
  });
});

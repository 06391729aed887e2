import { notedTransactions, printsItsUsage, UNREADABLE } from '../../../../test/support/set-position';
import { type PositionTarget, setPosition } from './set-position';
import { setPositionCommand } from './set-position-command';

const partition = { topic: 'marketplace.orders.validated.v1', partition: 3 };
const GAP = { from: '2026-01-02T03:00:00.000Z', to: '2026-01-02T03:00:30.000Z', fromOffset: 20, toOffset: 30 };
const CHECK = { id: '1', at: '2026-01-02T03:00:30.000Z', offset: 30 };

interface Setup {
  readonly offset?: number;
  readonly metadata?: object;
  readonly topicId?: string;
  readonly commitFailure?: Error;
}

/** Runs the command on a log from 10 to 100. Returns its calls in order, and its report or its error. */
async function run(target: PositionTarget, setup: Setup): Promise<{ calls: string[]; result: unknown }> {
  const { offset, metadata = { v: 1 }, topicId, commitFailure } = setup;
  const calls: string[] = [];
  const result = await setPosition({
    partition,
    target,
    openTransactions: () => {
      calls.push('fence');
      const text = offset === undefined ? undefined : JSON.stringify(metadata);
      return Promise.resolve(notedTransactions(calls, { offset, metadata: text, topicId }, commitFailure));
    },
    logBounds: () => Promise.resolve({ start: 10, end: 100 }),
    unreadableBatch: (from) => {
      calls.push(`batch at ${String(from)}`);
      return Promise.resolve({ ...UNREADABLE, ...partition, firstOffset: from });
    },
    countRecords: (from, until) => {
      calls.push(`count ${String(from)} to ${String(until)}`);
      return Promise.resolve(until - from - 1);
    },
    now: () => new Date(0),
  }).catch((error: unknown) => error);
  return { calls, result };
}

describe('setPosition', () => {
  it.each<[string, PositionTarget, Setup, { position: number; before: number | null; skipped: number; again: number }]>(
    [
      ['an earlier offset', 40, { offset: 60 }, { position: 40, before: 60, skipped: 0, again: 20 }],
      ['a later offset', 70, { offset: 60 }, { position: 70, before: 60, skipped: 9, again: 0 }],
      ['the start of the log', 'beginning', { offset: 60 }, { position: 10, before: 60, skipped: 0, again: 50 }],
      [
        'the start of a log that retention has cut',
        'beginning',
        { offset: 4 },
        { position: 10, before: 4, skipped: 0, again: 0 },
      ],
      ['the end of the log', 'end', { offset: 60 }, { position: 100, before: 60, skipped: 39, again: 0 }],
      ['an offset when none was', 40, {}, { position: 40, before: null, skipped: 29, again: 0 }],
      [
        'the end of a log that ends before it',
        'end',
        { offset: 130 },
        { position: 100, before: 130, skipped: 0, again: 0 },
      ],
    ],
  )('commits %s, and counts what is not published and what is published again', async (_, target, setup, expected) => {
    const { calls, result } = await run(target, setup);
    const { position, skipped } = expected;
    const from = Math.max(setup.offset ?? 10, 10);
    const count = skipped > 0 ? [`count ${String(from)} to ${String(position)}`] : [];
    expect(calls).toEqual(['fence', ...count, `commit ${String(position)} {"v":1}`, 'close']);
    expect(result).toEqual({
      ...partition,
      ...expected,
      deadLetteredBatch: null,
      otherLog: null,
      log: { start: 10, end: 100 },
    });
  });

  it.each([
    ['the committed offset', { offset: 60 }, 60],
    ['the start of the log, when nothing is committed', {}, 10],
  ])('skips the batch at %s, with its one dead letter in the same commit', async (_, setup, at) => {
    const { calls, result } = await run('next-batch', setup);
    expect(calls).toEqual([
      'fence',
      `batch at ${String(at)}`,
      `count ${String(at)} to 72`,
      `dead letter ${partition.topic}.dlq.pubsub-bridge/3 of ${String(at)}`,
      'commit 72 {"v":1}',
      'close',
    ]);
    expect(result).toMatchObject({ position: 72, deadLetteredBatch: { firstOffset: at, lastOffset: 71 } });
  });

  it.each([
    [31, [GAP]],
    [21, [GAP]],
    [20, undefined],
    [10, undefined],
  ])('keeps the gaps that it does not publish again: %i', async (target, gaps) => {
    const metadata = { v: 1, tool: 'of another', subscription: CHECK, gaps: [GAP] };
    const { calls } = await run(target, { offset: 60, metadata });
    const committed = JSON.parse(calls.at(-2)?.slice(`commit ${String(target)} `.length) ?? '') as object;
    expect(committed).toMatchObject({ v: 1, tool: 'of another' });
    expect((committed as { gaps?: unknown }).gaps).toEqual(gaps);
  });

  it('begins in another log as in one of which nothing was published, and forgets the gaps of the former', async () => {
    const metadata = { v: 1, log: 'old-id', subscription: CHECK, gaps: [GAP] };
    const { calls, result } = await run('beginning', { offset: 60, metadata, topicId: 'new-id' });
    expect(calls).toEqual(['fence', 'commit 10 {"v":1,"log":"new-id"}', 'close']);
    expect(result).toMatchObject({ skipped: 0, again: 0, otherLog: expect.stringMatching(/old-id.*new-id/) as string });
  });

  it.each([9, 101])('rejects an offset outside of the log, and commits nothing: %i', async (target) => {
    const { calls, result } = await run(target, { offset: 60 });
    expect(calls).toEqual(['fence', 'close']);
    expect(result).toMatchObject({
      code: 'POSITION_REJECTED',
      message: expect.stringMatching(/orders\.validated\.v1\/3 starts at 10 and ends at 100: \d+ is outside/) as string,
    });
  });

  it('closes its transactions, and reports nothing, when the commit fails', async () => {
    const { calls, result } = await run(40, { offset: 60, commitFailure: new Error('fenced') });
    expect(calls.at(-1)).toBe('close');
    expect(result).toEqual(new Error('fenced'));
  });

  printsItsUsage(setPositionCommand, [
    ['--family', 'orders', '--partition', '1', '--to', 'somewhere'],
    ['--family', 'customers', '--partition', '1', '--to', 'end'],
    ['--family', 'orders', '--all', '--to', '40'],
  ]);
});

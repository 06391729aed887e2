import type { Finalized } from '@orderstream/bigquery';

import { notedTransactions, printsItsUsage, UNREADABLE } from '../../../../test/support/set-position';
import { type PositionTarget, setPosition } from './set-position';
import { setPositionCommand } from './set-position-command';

const partition = { topic: 'marketplace.orders.validated.v1', partition: 3 };

interface Setup {
  readonly committed?: { readonly offset: number; readonly metadata: string };
  readonly lastRow?: number;
  /** Last row once the committed stream is finalized: an append was still in flight. */
  readonly lastRowAfterFinalize?: number;
  /** Last row after the wait: an append to a deleted stream still landed. */
  readonly lastRowAfterWait?: number;
  /** The answers to FinalizeWriteStream. */
  readonly finalized?: readonly Finalized[];
  readonly topicId?: string;
  readonly deadLetters?: boolean;
}

/** Runs the command. Returns its calls in order, and its report or its error. */
async function run(target: PositionTarget, setup: Setup): Promise<{ calls: string[]; result: unknown }> {
  const calls: string[] = [];
  let lastRow = setup.lastRow;
  const finalized = [...(setup.finalized ?? [])];
  const committed = setup.committed ?? { offset: undefined, metadata: undefined };
  const result = await setPosition({
    partition,
    target,
    deadLetters: setup.deadLetters ?? true,
    warehouse: {
      finalize: (stream) => {
        calls.push(`finalize ${stream}`);
        lastRow = setup.lastRowAfterFinalize ?? lastRow;
        return Promise.resolve(finalized.shift() ?? { kind: 'no-count' });
      },
      lastOffset: (from) => {
        expect(from).toBe(0);
        calls.push('query');
        return Promise.resolve(lastRow);
      },
    },
    openTransactions: () => {
      calls.push('fence');
      return Promise.resolve(notedTransactions(calls, { ...committed, topicId: setup.topicId }));
    },
    logBounds: () => Promise.resolve({ start: 10, end: 100 }),
    unreadableBatch: (offset) => {
      calls.push(`batch at ${String(offset)}`);
      return Promise.resolve({ ...UNREADABLE, ...partition, firstOffset: offset });
    },
    now: () => new Date(0),
    wait: () => {
      calls.push('wait');
      lastRow = setup.lastRowAfterWait ?? lastRow;
      return Promise.resolve();
    },
  }).catch((error: unknown) => error);
  return { calls, result };
}

describe('setPosition', () => {
  it.each<[string, PositionTarget, Setup, number]>([
    ['an offset', 40, { lastRow: 20 }, 40],
    ['the start of the log', 'beginning', {}, 10],
    ['the end of the log', 100, { lastRow: 99 }, 100],
    ['the offset after the last row', 'table', { lastRow: 57 }, 58],
    ['the start of the log when retention has deleted the log beyond the last row', 'table', { lastRow: 3 }, 10],
    ['the start of the log when the table has no row', 'table', {}, 10],
  ])('commits %s', async (_, target, setup, position) => {
    const { calls, result } = await run(target, setup);
    expect(calls).toEqual(['fence', 'query', `commit ${String(position)} {"v":2}`, 'close']);
    expect(result).toEqual({
      ...partition,
      before: null,
      position,
      lastRow: setup.lastRow ?? null,
      log: { start: 10, end: 100 },
      skipped: null,
    });
  });

  it.each<[string, Setup, number]>([
    ['at the committed offset', { committed: { offset: 60, metadata: '{"v":2}' }, lastRow: 50 }, 60],
    [
      'behind the durable rows of the committed stream',
      {
        committed: { offset: 55, metadata: '{"v":2,"s":"streams/7","n":4}' },
        finalized: [{ kind: 'rows', rows: 9 }],
        lastRow: 58,
        lastRowAfterFinalize: 59,
      },
      60,
    ],
  ])('skips the batch %s, with its one dead letter in the commit of the position', async (_, setup, next) => {
    const { calls, result } = await run('next-batch', setup);
    expect(calls.slice(-4)).toEqual([
      `batch at ${String(next)}`,
      `dead letter ${partition.topic}.dlq.bq-sink/3 of ${String(next)}`,
      'commit 72 {"v":2}',
      'close',
    ]);
    expect(result).toMatchObject({ position: 72, skipped: { records: 12, firstOffset: next, lastOffset: 71 } });
  });

  it('leaves out a batch of dead letters without a dead letter of them', async () => {
    const setup = { committed: { offset: 60, metadata: '{"v":2}' }, deadLetters: false };
    const { calls, result } = await run('next-batch', setup);
    expect(calls.slice(-3)).toEqual(['batch at 60', 'commit 72 {"v":2}', 'close']);
    expect(result).toMatchObject({ position: 72, skipped: { records: 12 } });
  });

  it('skips no batch of another log than that of the committed position', async () => {
    const committed = { offset: 30, metadata: '{"v":2,"log":"old-id"}' };
    const { calls, result } = await run('next-batch', { committed, topicId: 'new-id' });
    expect(result).toMatchObject({
      code: 'POSITION_REJECTED',
      message: expect.stringMatching(/old-id.*new-id/) as string,
    });
    expect(calls).toEqual(['fence', 'query', 'close']);
  });

  it('finalizes the committed stream before it queries the table, so that it finds the rows of a former owner', async () => {
    const committed = { offset: 30, metadata: '{"v":2,"s":"streams/7","n":4}' };
    const finalized = [{ kind: 'rows', rows: 15 } as const];
    const { calls, result } = await run('table', { committed, finalized, lastRow: 33, lastRowAfterFinalize: 41 });
    expect(calls).toEqual(['fence', 'finalize streams/7', 'query', 'commit 42 {"v":2}', 'close']);
    expect(result).toMatchObject({ before: 30, position: 42, lastRow: 41 });
  });

  it.each<[string, Finalized]>([
    ['the stream is still unknown', { kind: 'gone' }],
    ['the stream is known again', { kind: 'rows', rows: 15 }],
  ])(
    'waits and finalizes again when BigQuery does not know the committed stream, and afterwards %s',
    async (_, then) => {
      const committed = { offset: 30, metadata: '{"v":2,"s":"streams/7","n":4}' };
      const setup: Setup = { committed, finalized: [{ kind: 'gone' }, then], lastRow: 33, lastRowAfterWait: 44 };
      const { calls, result } = await run('table', setup);
      const finalize = 'finalize streams/7';
      expect(calls).toEqual(['fence', finalize, 'wait', finalize, 'query', 'commit 45 {"v":2}', 'close']);
      expect(result).toMatchObject({ position: 45, lastRow: 44 });
    },
  );

  it('waits before the query when the metadata does not name the stream', async () => {
    const committed = { offset: 30, metadata: '{"v":1,"s":"streams/7","n":4,"e":""}' };
    const { calls } = await run('table', { committed, lastRow: 33, lastRowAfterWait: 44 });
    expect(calls).toEqual(['fence', 'wait', 'query', 'commit 45 {"v":2}', 'close']);
  });

  it('commits the id of the topic', async () => {
    const { calls } = await run(40, { topicId: 'an-id' });
    expect(calls).toContain('commit 40 {"v":2,"log":"an-id"}');
  });

  it.each<[string, PositionTarget, Setup, RegExp]>([
    ['an offset whose row exists', 57, { lastRow: 57 }, /rows up to offset 57/],
    ['the start of the log when rows exist', 'beginning', { lastRow: 57 }, /from 10 on/],
    ['an offset before the start of the log', 9, {}, /9 is outside/],
    ['an offset after the end of the log', 101, {}, /101 is outside/],
  ])('rejects %s and commits nothing', async (_, target, setup, message) => {
    const { calls, result } = await run(target, setup);
    expect(calls).toEqual(['fence', 'query', 'close']);
    expect(result).toMatchObject({ code: 'POSITION_REJECTED', message: expect.stringMatching(message) as string });
  });

  printsItsUsage(setPositionCommand, [
    ['--family', 'orders', '--partition', '1', '--to', 'somewhere'],
    ['--family', 'orders', '--partition', '1', '--to', 'end'],
  ]);
});

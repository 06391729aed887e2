import type { TransactionWrites } from '@orderstream/kafka';

import { type Goal, setPosition } from './set-position';
import { setPositionCommand } from './set-position-command';

const partition = { topic: 'marketplace.orders.validated.v1', partition: 3 };

interface World {
  readonly committed?: { readonly offset: number; readonly metadata: string };
  readonly lastRow?: number;
  /** Highest row once the committed stream is ended: an append was still on its way. */
  readonly lastRowWhenEnded?: number;
}

/** What was done, in order, and what came of it. */
async function moved(goal: Goal, world: World): Promise<{ done: string[]; report: unknown }> {
  const done: string[] = [];
  let lastRow = world.lastRow;
  const committed = world.committed ?? { offset: undefined, metadata: undefined };
  const report = await setPosition({
    partition,
    goal,
    warehouse: {
      finalize: (stream) => {
        done.push(`finalize ${stream}`);
        lastRow = world.lastRowWhenEnded ?? lastRow;
        return Promise.resolve({ kind: 'gone' });
      },
      lastOffset: (from, excluded) => {
        expect([from, excluded]).toEqual([0, []]);
        done.push('look');
        return Promise.resolve(lastRow);
      },
    },
    openTransactions: () => {
      done.push('fence');
      return Promise.resolve({
        committed,
        commit: ({ records, offset, metadata }: TransactionWrites) => {
          expect(records).toEqual([]);
          done.push(`commit ${String(offset)} ${metadata ?? ''}`);
          return Promise.resolve();
        },
        assertCurrent: () => Promise.reject(new Error('nobody asks')),
        close: () => {
          done.push('close');
          return Promise.resolve();
        },
      });
    },
    logBounds: () => Promise.resolve({ start: 10, end: 100 }),
  }).catch((error: unknown) => error);
  return { done, report };
}

describe('a position set by hand', () => {
  it.each<[string, Goal, World, number]>([
    ['an offset', 40, { lastRow: 20 }, 40],
    ['the beginning of the log', 'beginning', {}, 10],
    ['behind the last row', 'table', { lastRow: 57 }, 58],
    ['behind the last row, where retention has taken more of the log', 'table', { lastRow: 3 }, 10],
    ['behind the last row, where there is none', 'table', {}, 10],
  ])('may be %s', async (_, goal, world, position) => {
    const { done, report } = await moved(goal, world);
    expect(done).toEqual(['fence', 'look', `commit ${String(position)} {"v":1,"e":""}`, 'close']);
    expect(report).toEqual({
      ...partition,
      before: null,
      position,
      lastRow: world.lastRow ?? null,
      log: { start: 10, end: 100 },
    });
  });

  it('lies behind what a former owner had still under way: its stream is ended before the table is looked at', async () => {
    const committed = { offset: 30, metadata: '{"v":1,"s":"streams/7","n":4,"e":""}' };
    const { done, report } = await moved('table', { committed, lastRow: 33, lastRowWhenEnded: 41 });
    expect(done).toEqual(['fence', 'finalize streams/7', 'look', 'commit 42 {"v":1,"e":""}', 'close']);
    expect(report).toMatchObject({ before: 30, position: 42, lastRow: 41 });
  });

  it.each<[string, Goal, World, RegExp]>([
    ['rows would be written again', 57, { lastRow: 57 }, /rows up to offset 57/],
    ['rows would be written again from the beginning', 'beginning', { lastRow: 57 }, /from 10 on/],
    ['it lies before the log', 9, {}, /9 is not in it/],
    ['it lies behind the log', 101, {}, /101 is not in it/],
  ])('is rejected where %s, and nothing is changed', async (_, goal, world, message) => {
    const { done, report } = await moved(goal, world);
    expect(done.filter((step) => step.startsWith('commit'))).toEqual([]);
    expect(done.at(-1)).toBe('close');
    expect(report).toMatchObject({ code: 'POSITION_REJECTED', message: expect.stringMatching(message) as string });
  });

  it.each([
    [[]],
    [['--family', 'orders', '--partition', '6', '--to', 'table']],
    [['--family', 'orders', '--partition', '1', '--to', 'somewhere']],
    [['--family', 'nobody', '--partition', '1', '--to', '5']],
    [['--famly', 'orders']],
  ])('is a question of usage when told %j', async (argv) => {
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(await setPositionCommand(argv, {})).toBe(2);
      expect(said.mock.calls.join('')).toContain('usage: set-position');
    } finally {
      said.mockRestore();
    }
  });
});

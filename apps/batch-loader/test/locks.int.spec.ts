import { setTimeout as delay } from 'node:timers/promises';
import { BATCH_TEST_MS, BatchBench, LEASE_SECONDS, untilSuspended } from './batch-bench';

/** Processes that want the same days at once, and one that wakes up after another has taken its days over. */

const DAYS = ['--from', '2026-01-04', '--to', '2026-01-06'];
const start = (seed: number, second: number): string[] => [
  ...DAYS,
  ...['--rows', '300', '--seed', String(seed), '--scheduled-at', `2026-02-01T00:00:0${second}Z`],
];
const idOf = (second: number): string => `load_20260201t00000${second}z_20260104_20260106`;

describe('two processes', () => {
  const bench = new BatchBench();
  afterAll(() => bench.remove());

  /** The process that comes first keeps its lease while it is suspended. */
  const LONG_LEASE = { BATCH_LEASE_SECONDS: '120' };

  it(
    'that replace the same days at once leave the rows of one run, and the other says whose they are',
    async () => {
      const first = bench.start(start(1, 1), { stopAt: 'quality_checks/begun', env: LONG_LEASE });
      await untilSuspended(first);
      const second = await bench.run(start(2, 2));
      expect([second.code, second.output]).toEqual([
        1,
        expect.stringMatching(new RegExp(`BATCH_RANGE_LOCKED: .*is being replaced by run ${idOf(1)}`)),
      ]);
      // The history has the reason.
      const events = await bench.events(idOf(2));
      expect(events).toEqual([
        { event: 0, block: null, state: 'failed', error: expect.stringMatching(/^BATCH_RANGE_LOCKED: /) as string },
      ]);
      first.child.kill('SIGCONT');
      expect(await first.ended).toMatchObject({ code: 0 });
      const rows = await bench.rowsOf();
      expect(JSON.parse(rows)).not.toHaveLength(0);
      // The run that came second can be resumed; and the first rows were wholly those of the first run.
      expect(await bench.run(['runs', 'resume', idOf(2)])).toMatchObject({ code: 0 });
      expect(await bench.rowsOf()).not.toBe(rows);
      expect(await bench.run(start(1, 3))).toMatchObject({ code: 0 });
      expect(await bench.rowsOf()).toBe(rows);
    },
    BATCH_TEST_MS,
  );

  it(
    'of a schedule that fires twice are one run',
    async () => {
      const first = bench.start(start(4, 4), { stopAt: 'generate_data/begun', env: LONG_LEASE });
      await untilSuspended(first);
      expect(await bench.run(start(4, 4))).toMatchObject({
        code: 1,
        output: expect.stringContaining(`is being replaced by run ${idOf(4)}`) as string,
      });
      first.child.kill('SIGCONT');
      expect(await first.ended).toMatchObject({ code: 0 });
      const rows = await bench.rowsOf();
      const events = await bench.events(idOf(4));
      expect(events.map(({ state }) => state)).toEqual([
        ...['running', 'running', 'succeeded', 'running', 'succeeded', 'running', 'succeeded', 'succeeded'],
      ]);
      // And after its end: nothing happens.
      expect(await bench.run(start(4, 4))).toMatchObject({ code: 0 });
      expect(await bench.rowsOf()).toBe(rows);
      expect(await bench.events(idOf(4))).toEqual(events);
    },
    BATCH_TEST_MS,
  );

  it.each(['export_to_gbq/checked the stage table', 'export_to_gbq/renewed the lease'])(
    'of which the first is suspended at %s: it changes nothing after the second has taken its days over',
    async (step) => {
      const isLate = step.endsWith('renewed the lease');
      const [first, second] = isLate ? [5, 6] : [7, 8];
      const old = bench.start(start(first, first), { stopAt: step });
      await untilSuspended(old);
      await delay(LEASE_SECONDS * 1_000);
      expect(await bench.run(start(second, second))).toMatchObject({ code: 0 });
      const rows = await bench.rowsOf();
      old.child.kill('SIGCONT');
      const { code, output } = await old.ended;
      expect([code, output]).toEqual([1, expect.stringMatching(/BATCH_LEASE_LOST|Another process has changed run/)]);
      expect(await bench.rowsOf()).toBe(rows);
      expect((await bench.events(idOf(second))).at(-1)?.state).toBe('succeeded');
      expect((await bench.events(idOf(first))).at(-1)).toMatchObject({ block: null, state: 'failed' });
    },
    BATCH_TEST_MS,
  );
});

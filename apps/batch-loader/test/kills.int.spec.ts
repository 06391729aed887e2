import { BATCH_TEST_MS, BatchBench, textOf } from './batch-bench';

/**
 * A run that replaces the orders of three days is killed (SIGKILL) at a step and then resumed. The verdict is the content
 * of the tables: at any time all old rows or all new ones, in the end the new ones, and the days around as they were.
 */

const AROUND = ['--from', '2026-01-01', '--to', '2026-01-09'];
const REPLACED = ['--from', '2026-01-04', '--to', '2026-01-06'];

const STEPS = [
  'generate_data/begun',
  'generate_data/wrote orders-00000.parquet',
  'generate_data/recorded',
  'quality_checks/begun',
  'quality_checks/wrote accepted.parquet',
  'quality_checks/recorded',
  'export_to_gbq/begun',
  'export_to_gbq/loaded the stage table',
  'export_to_gbq/checked the stage table',
  'export_to_gbq/renewed the lease',
  'export_to_gbq/replaced the range',
  'export_to_gbq/checked the range',
  'export_to_gbq/dropped the stage table',
  'export_to_gbq/recorded',
] as const;

const INSIDE = "order_placed_at >= timestamp '2026-01-04' and order_placed_at < timestamp '2026-01-07'";
const OUTSIDE = `not (${INSIDE})`;

describe('a run that is killed', () => {
  const bench = new BatchBench();
  let seed = 1;
  let before = '';
  let around = '';

  beforeAll(async () => {
    const first = await bench.run([...AROUND, '--rows', '900', '--seed', '1']);
    expect(textOf(first)).toMatch(/^exit code 0\n/);
    around = await bench.rowsOf(OUTSIDE);
    before = await bench.rowsOf(INSIDE);
    expect(JSON.parse(around)).not.toHaveLength(0);
  }, BATCH_TEST_MS);
  afterAll(() => bench.remove());

  it.each(STEPS)(
    'at %s leaves the old days or the new ones, and is resumed to the new ones',
    async (step) => {
      seed++;
      const scheduledAt = `2026-02-01T00:00:${String(seed).padStart(2, '0')}Z`;
      const runId = `load_20260201t0000${String(seed).padStart(2, '0')}z_20260104_20260106`;
      const args = [...REPLACED, '--rows', '300', '--seed', String(seed), '--scheduled-at', scheduledAt];
      const killed = await bench.run(args, { killAt: step });
      expect(textOf(killed)).toMatch(/^killed by SIGKILL\n/);
      const between = await bench.rowsOf(INSIDE);
      expect(await bench.rowsOf(OUTSIDE)).toBe(around);
      const resumed = await bench.resume(runId);
      expect(textOf(resumed)).toMatch(/^exit code 0\n/);
      const after = await bench.rowsOf(INSIDE);
      expect(after).not.toBe(before);
      expect(JSON.parse(after)).not.toHaveLength(0);
      expect([before, after]).toContain(between);
      expect(await bench.rowsOf(OUTSIDE)).toBe(around);
      // The history has each event once, and the run is over.
      const events = await bench.events(runId);
      expect(events.map(({ event }) => event)).toEqual(events.map((_, index) => index));
      expect(events.at(-1)?.state).toBe('succeeded');
      expect(await bench.hasTable(`raw_orders_stage_${runId}`)).toBe(false);
      // A second start for the same time does nothing.
      expect(await bench.run(args)).toMatchObject({ code: 0 });
      expect(await bench.rowsOf(INSIDE)).toBe(after);
      before = after;
    },
    BATCH_TEST_MS,
  );
});

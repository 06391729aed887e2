import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OrderstreamError } from '@orderstream/errors';
import { MemoryStore } from '../../test/memory-store';
import { type Block } from '../blocks/block';
import { type BlockName, type RunEvent, type RunPlan, type RunRecord } from './run';
import { RangeLock } from './range-lock';
import { Runner, type RunWarehouse } from './runner';
import { RunStore } from './run-store';

const SCRATCH = mkdtempSync(join(tmpdir(), 'orderstream-runner-'));
const PLAN: RunPlan = {
  pipeline: 'load_batch_to_bq',
  scheduledAt: '2026-02-01T00:00:00Z',
  range: { from: '2026-01-01', to: '2026-02-01' },
  source: { kind: 'simulation', seed: '1', scenario: 'steady' },
};
const OUTPUT = { rowsIn: 1, rowsOut: 1, rejected: {}, files: [] };

class Failure extends OrderstreamError {
  readonly code = 'BATCH_JOB_FAILED';
}

/** A warehouse that remembers. */
class Remembered implements RunWarehouse {
  readonly events: { number: number; event: RunEvent }[] = [];
  readonly fenced: string[] = [];
  replaced = false;
  isDown = false;

  prepare = (): Promise<void> => Promise.resolve();
  fence({ id }: RunRecord): Promise<void> {
    this.fenced.push(id);
    return Promise.resolve();
  }
  hasReplaced = (): Promise<boolean> => Promise.resolve(this.replaced);
  addRunEvent(_run: RunRecord, number: number, event: RunEvent): Promise<void> {
    if (this.isDown) return Promise.reject(new Error('down'));
    this.events.push({ number, event });
    return Promise.resolve();
  }
}

describe('the runner', () => {
  let warehouse: Remembered;
  let store: MemoryStore;
  let ran: string[];
  /** What the next attempts of a block do. */
  let behaviour: Partial<Record<BlockName, (() => Promise<void>)[]>>;
  const never = new AbortController().signal;

  afterAll(() => {
    rmSync(SCRATCH, { recursive: true });
  });
  beforeEach(() => {
    warehouse = new Remembered();
    store = new MemoryStore();
    ran = [];
    behaviour = {};
  });

  const block = (name: BlockName): Block => ({
    name,
    run: async ({ attempt }) => {
      ran.push(`${name} ${attempt}`);
      await behaviour[name]?.shift()?.();
      return OUTPUT;
    },
  });
  const runner = (): Runner =>
    new Runner({
      runs: new RunStore(store),
      lock: new RangeLock(store, 60_000),
      warehouse,
      blocks: [block('generate_data'), block('quality_checks'), block('export_to_gbq')],
      scratch: SCRATCH,
      retries: 3,
      retryPauseMs: 0,
      cancelCheckMs: 5,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
  const fails = (retriable: boolean) => () => Promise.reject(new Failure('it fails', { retriable }));

  it('runs each block once, and the run once', async () => {
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'succeeded' });
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'succeeded' });
    expect(ran).toEqual(['generate_data 1', 'quality_checks 1', 'export_to_gbq 1']);
    expect(warehouse.events.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(warehouse.events.map(({ event: { block: name, state } }) => `${name ?? 'run'} ${state}`)).toEqual([
      'run running',
      'generate_data running',
      'generate_data succeeded',
      'quality_checks running',
      'quality_checks succeeded',
      'export_to_gbq running',
      'export_to_gbq succeeded',
      'run succeeded',
    ]);
  });

  it('removes what a process that was killed has left in the scratch folder, and nothing of other runs', async () => {
    const { id } = await runner().run(PLAN, never, 'generate_data');
    const left = (run: string): string => join(SCRATCH, `${run}-quality_checks-1-99`);
    for (const run of [id, 'load_another']) mkdirSync(left(run), { recursive: true });
    await runner().run(PLAN, never);
    expect([existsSync(left(id)), existsSync(left('load_another'))]).toEqual([false, true]);
    rmSync(left('load_another'), { recursive: true });
  });

  it('runs up to a block, and goes on from there with the next start', async () => {
    const first = await runner().run(PLAN, never, 'generate_data');
    expect(first).toMatchObject({ state: 'running', blocks: { generate_data: { state: 'succeeded' } } });
    await runner().resume(await new RunStore(store).get(first.id), never, 'quality_checks');
    expect(ran).toEqual(['generate_data 1', 'quality_checks 1']);
    // Again: the block has succeeded.
    await runner().run(PLAN, never, 'quality_checks');
    expect(await runner().run(PLAN, never, 'export_to_gbq')).toMatchObject({ state: 'succeeded' });
    expect(ran).toEqual(['generate_data 1', 'quality_checks 1', 'export_to_gbq 1']);
  });

  it('retries what may pass three times, then fails, and resumes at the failed block', async () => {
    behaviour.quality_checks = [fails(true), fails(true), fails(true), fails(true)];
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'failed', error: 'BATCH_JOB_FAILED: it fails' });
    expect(ran).toEqual(['generate_data 1', ...[1, 2, 3, 4].map((attempt) => `quality_checks ${attempt}`)]);
    ran = [];
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'succeeded', error: undefined });
    expect(ran).toEqual(['quality_checks 5', 'export_to_gbq 1']);
  });

  it('does not retry what cannot pass', async () => {
    behaviour.quality_checks = [fails(false)];
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'failed' });
    expect(ran).toEqual(['generate_data 1', 'quality_checks 1']);
  });

  it('rejects a run with the same id and other settings', async () => {
    await runner().run(PLAN, never);
    const other: RunPlan = { ...PLAN, source: { kind: 'simulation', seed: '2', scenario: 'steady' } };
    await expect(runner().run(other, never)).rejects.toMatchObject({ code: 'BATCH_RUN_REJECTED' });
  });

  it('goes on without the history, and publishes it later, each event once', async () => {
    warehouse.isDown = true;
    behaviour.export_to_gbq = [
      () => {
        warehouse.isDown = false;
        return Promise.resolve();
      },
    ];
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'succeeded', published: 8 });
    expect(warehouse.events.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('is cancelled between two steps, and cannot be resumed', async () => {
    const runs = new RunStore(store);
    const waits = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
    behaviour.quality_checks = [
      async () => {
        await runs.requestCancel('load_20260201t000000z_20260101_20260131');
        await waits();
        throw new Failure('aborted', { retriable: true });
      },
    ];
    const run = await runner().run(PLAN, never);
    expect(run).toMatchObject({ state: 'cancelled' });
    expect(warehouse.fenced).toEqual([run.id]);
    await expect(runner().run(PLAN, never)).rejects.toMatchObject({ code: 'BATCH_RUN_REJECTED' });
  });

  it('fails with its reason if another run has its days, and is cancelled nevertheless', async () => {
    const { id } = await new RunStore(store).openRun(PLAN, '2026-02-01T00:00:00Z').then(({ record }) => record);
    const held = await new RangeLock(store, 60_000).acquire('other', PLAN.range);
    expect(await runner().run(PLAN, never)).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/^BATCH_RANGE_LOCKED: .* by run other/) as string,
    });
    expect(ran).toEqual([]);
    await runner().cancel(await new RunStore(store).get(id), never);
    expect((await new RunStore(store).get(id)).record.state).toBe('cancelled');
    await held.release();
  });

  it('leaves a run alone that another process carries out', async () => {
    const { record } = await new RunStore(store).openRun(PLAN, '2026-02-01T00:00:00Z');
    const held = await new RangeLock(store, 60_000).acquire(record.id, PLAN.range);
    await expect(runner().run(PLAN, never)).rejects.toMatchObject({ code: 'BATCH_RANGE_LOCKED' });
    expect((await new RunStore(store).get(record.id)).record).toEqual(record);
    await held.release();
  });

  it('is not cancelled once the range is replaced', async () => {
    behaviour.export_to_gbq = [fails(false)];
    const { id } = await runner().run(PLAN, never);
    warehouse.replaced = true;
    await runner().cancel(await new RunStore(store).get(id), never);
    const { record } = await new RunStore(store).get(id);
    expect(record).toMatchObject({ state: 'failed', error: expect.stringContaining('Resume it') as string });
    expect(await runner().run(PLAN, never)).toMatchObject({ state: 'succeeded' });
  });
});

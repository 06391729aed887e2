import { OrderstreamError } from '@orderstream/errors';
import { MemoryStore } from '../../test/memory-store';
import { DailyJob, type DailyObserver, type DailyStep } from './daily-job';
import { DailyLock } from './daily-lock';
import { dailyIdOf, type DailyPlan, type StepName, STEPS } from './daily-run';
import { DailyStore } from './daily-store';

const RANGE = { from: '2026-01-31', to: '2026-02-01' };
const PLAN: DailyPlan = { scheduledAt: '2026-02-01T02:00:00Z', range: RANGE, isBackfill: false, runs: [] };
const LEASE_MS = 300;

class Failure extends OrderstreamError {
  readonly code = 'DAILY_BUILD_FAILED';
}

describe('the daily run', () => {
  const never = new AbortController().signal;
  let store: MemoryStore;
  let ran: string[];
  let ended: string[];
  let logged: string[];
  /** What the next attempts of a step do. */
  let behaviour: Partial<Record<StepName, ((signal: AbortSignal) => Promise<void>)[]>>;

  beforeEach(() => {
    store = new MemoryStore();
    [ran, ended, logged] = [[], [], []];
    behaviour = {};
  });

  const step = (name: StepName): DailyStep => ({
    name,
    run: async ({ run, tries, signal }) => {
      ran.push(`${name} ${run.steps[name]?.attempt ?? 0} ${tries}`);
      await behaviour[name]?.shift()?.(signal);
      return 'done';
    },
  });
  const observer: DailyObserver = { ended: ({ state }) => void ended.push(state) };
  const job = (): DailyJob =>
    new DailyJob({
      runs: new DailyStore(store),
      lock: new DailyLock(store, LEASE_MS),
      steps: STEPS.map(step),
      retries: 3,
      retryPauseMs: 0,
      logger: {
        info: () => undefined,
        warn: () => undefined,
        error: (fields: object, text: string) => logged.push(`${text} ${JSON.stringify(fields)}`),
      } as never,
      observers: [observer],
    });
  const fails = (retriable: boolean) => () => Promise.reject(new Failure('it fails', { retriable }));

  it('runs each step once, and a second start of the same time does nothing', async () => {
    expect(await job().run(PLAN, 'a', never)).toMatchObject({ outcome: 'succeeded' });
    const second = await job().run(PLAN, 'b', never);
    expect(second).toMatchObject({ outcome: 'repeated', run: { startedBy: ['a'] } });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'checks 1 0']);
    expect(ended).toEqual(['succeeded']);
  });

  it('is another run at another time, and for other days', async () => {
    await job().run(PLAN, 'a', never);
    expect(await job().run({ ...PLAN, scheduledAt: '2026-02-02T02:00:00Z' }, 'a', never)).toMatchObject({
      outcome: 'succeeded',
    });
    const range = { from: '2026-01-01', to: '2026-02-01' };
    expect(await job().run({ ...PLAN, range }, 'a', never)).toMatchObject({ outcome: 'succeeded' });
    expect(ran).toHaveLength(9);
  });

  it('retries a step three times, then fails with one line of the log, and resumes at that step', async () => {
    behaviour.build = [fails(true), fails(true), fails(true), fails(true)];
    expect(await job().run(PLAN, 'a', never)).toMatchObject({
      outcome: 'failed',
      run: { state: 'failed', error: 'DAILY_BUILD_FAILED: it fails' },
    });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'build 2 1', 'build 3 2', 'build 4 3']);
    expect(ended).toEqual(['failed']);
    expect(logged).toEqual([expect.stringMatching(/^the daily run has failed .*"step":"build"/)]);
    ran = [];
    expect(await job().run(PLAN, 'b', never)).toMatchObject({ outcome: 'succeeded', run: { startedBy: ['a', 'b'] } });
    expect(ran).toEqual(['build 5 0', 'checks 1 0']);
  });

  it('does not retry what cannot pass', async () => {
    behaviour.checks = [fails(false)];
    expect(await job().run(PLAN, 'a', never)).toMatchObject({ outcome: 'failed' });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'checks 1 0']);
  });

  it('builds again what the checks have found wrong', async () => {
    behaviour.checks = [fails(false)];
    await job().run(PLAN, 'a', never);
    expect(await job().run(PLAN, 'b', never)).toMatchObject({ outcome: 'succeeded' });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'checks 1 0', 'build 2 0', 'checks 2 0']);
  });

  it('rejects a second process while the first one lives', async () => {
    let release: () => void = () => undefined;
    behaviour.build = [() => new Promise((resolve) => (release = resolve))];
    const first = job().run(PLAN, 'a', never);
    await expect(job().run(PLAN, 'b', never)).rejects.toMatchObject({ code: 'DAILY_LOCKED' });
    // Also a run of other days.
    const other = { ...PLAN, scheduledAt: '2026-02-02T02:00:00Z' };
    await expect(job().run(other, 'b', never)).rejects.toMatchObject({ code: 'DAILY_LOCKED' });
    release();
    expect(await first).toMatchObject({ outcome: 'succeeded' });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'checks 1 0']);
  });

  it('waits for the end of the lease of a process that was killed, and resumes its run', async () => {
    const killed = new DailyStore(store);
    const handle = await killed.open(PLAN, '2026-02-01T02:00:00Z');
    const done = { attempt: 1, state: 'succeeded', startedAt: '', endedAt: '' } as const;
    await handle.update({ steps: { load: done, build: { attempt: 1, state: 'running', startedAt: '' } } });
    const lease = { run: handle.run.id, token: 'of the dead', untilMs: Date.now() + LEASE_MS };
    await store.writeDocument('locks/daily', JSON.stringify({ lease }), undefined);
    expect(await job().run(PLAN, 'b', never)).toMatchObject({ outcome: 'succeeded' });
    expect(Date.now()).toBeGreaterThanOrEqual(lease.untilMs);
    expect(ran).toEqual(['build 2 0', 'checks 1 0']);
  });

  it('stops without a report, and is resumed by the next start', async () => {
    const stop = new AbortController();
    behaviour.build = [
      (signal) => {
        stop.abort(new Error('stopped by SIGTERM'));
        return Promise.reject(signal.reason as Error);
      },
    ];
    const stopped = await job().run(PLAN, 'a', stop.signal);
    expect(stopped).toMatchObject({ outcome: 'stopped', run: { state: 'running' } });
    expect(stopped.run.error).toContain('stopped by SIGTERM');
    expect(ended).toEqual([]);
    expect(await job().run(PLAN, 'b', never)).toMatchObject({ outcome: 'succeeded', run: { error: undefined } });
    expect(ran).toEqual(['load 1 0', 'build 1 0', 'build 2 0', 'checks 1 0']);
  });

  it('ends when its lease is lost', async () => {
    behaviour.build = [
      async (signal) => {
        const { generation } = (await store.readDocument('locks/daily')) ?? {};
        const lease = { run: 'another', token: 'another', untilMs: Date.now() + 60_000 };
        await store.writeDocument('locks/daily', JSON.stringify({ lease }), generation);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw signal.reason;
      },
    ];
    await expect(job().run(PLAN, 'a', never)).rejects.toMatchObject({ code: 'DAILY_LEASE_LOST' });
    expect(ended).toEqual([]);
  });

  it('rejects other settings for the same time and days', async () => {
    await new DailyStore(store).open(PLAN, '2026-02-01T02:00:00Z');
    await expect(job().run({ ...PLAN, isBackfill: true }, 'a', never)).rejects.toMatchObject({
      code: 'BATCH_RUN_REJECTED',
    });
  });

  it('has an id of its scheduled time and days', () => {
    expect(dailyIdOf(PLAN)).toBe('daily_20260201t020000z_20260131_20260131');
  });
});

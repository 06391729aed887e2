import { setTimeout as delay } from 'node:timers/promises';
import { MemoryStore } from '../../test/memory-store';
import { DailyLock } from './daily-lock';
import { type DbtResult } from './dbt';
import { ModelRefresh } from './model-refresh';

const LEASE_MS = 300;
/** Longer than a test: what gets the lock does not owe it to the end of the lease. */
const LONG_LEASE_MS = 600_000;
const never = new AbortController().signal;

describe('the builds of the models between the daily runs', () => {
  let store: MemoryStore;
  let calls: string[];
  let logged: string[];
  let build: (signal: AbortSignal) => Promise<DbtResult>;

  beforeEach(() => {
    store = new MemoryStore();
    [calls, logged] = [[], []];
    build = () => Promise.resolve({ code: 0, tail: '' });
  });

  const lock = (leaseMs = LEASE_MS): DailyLock => new DailyLock(store, leaseMs);
  const refresh = (everyMinutes = 15, leaseMs = LEASE_MS): ModelRefresh =>
    new ModelRefresh({
      dbt: {
        run: (args, signal) => {
          calls.push(args.join(' '));
          return build(signal);
        },
      },
      lock: lock(leaseMs),
      everyMinutes,
      logger: {
        info: (_fields: object, text: string) => logged.push(text),
        error: (_fields: object, text: string) => logged.push(text),
      } as never,
      now: () => new Date('2026-02-01T02:00:00Z'),
    });

  it('build models and snapshots, and say how new the marts are', async () => {
    const models = refresh();
    expect(models.status()).toEqual({ everyMinutes: 15, builtAsOf: null, error: null });
    await models.build(never);
    expect(calls).toEqual(['build --resource-type model --resource-type snapshot']);
    expect(models.status()).toEqual({ everyMinutes: 15, builtAsOf: '2026-02-01T02:00:00.000Z', error: null });
  });

  it('keep the time of the last good build after a failure, until the next one succeeds', async () => {
    const models = refresh();
    await models.build(never);
    build = () => Promise.resolve({ code: 1, tail: 'Database Error in model fact_orders' });
    await models.build(never);
    expect(models.status()).toMatchObject({
      builtAsOf: '2026-02-01T02:00:00.000Z',
      error: expect.stringContaining('Database Error in model fact_orders'),
    });
    build = () => Promise.resolve({ code: 0, tail: '' });
    await models.build(never);
    expect(models.status().error).toBeNull();
  });

  it('are left out while a daily run has the lock', async () => {
    const daily = await lock().acquire('daily_1', never);
    await refresh().build(never);
    expect([calls, logged]).toEqual([[], ['a build of the models is left out']]);
    await daily.release();
    await refresh().build(never);
    expect(calls).toHaveLength(1);
  });

  it('are waited for by a daily run, however often they renew their lease', async () => {
    const begun = Promise.withResolvers<undefined>();
    const done: string[] = [];
    build = async () => {
      begun.resolve(undefined);
      await delay(3 * LEASE_MS);
      done.push('build');
      return { code: 0, tail: '' };
    };
    const building = refresh().build(never);
    await begun.promise;
    const daily = await lock().acquire('daily_1', never);
    expect(done).toEqual(['build']);
    await daily.release();
    await building;
  });

  it('end when the service stops, and release the lock', async () => {
    const stop = new AbortController();
    build = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
        stop.abort(new Error('the service stops'));
      });
    await refresh(15, LONG_LEASE_MS).build(stop.signal);
    expect(logged).toEqual([]);
    await (await lock().acquire('daily_1', never)).release();
  });

  it('happen again and again, at their interval, until the service stops', async () => {
    const stop = new AbortController();
    build = () => {
      if (calls.length === 3) stop.abort(new Error('the service stops'));
      return Promise.resolve({ code: 0, tail: '' });
    };
    // 6 ms.
    await refresh(0.000_1, LONG_LEASE_MS).follow(stop.signal);
    expect(calls).toHaveLength(3);
  });

  it('do not happen at all with 0 minutes', async () => {
    await refresh(0).follow(never);
    expect(calls).toEqual([]);
  });
});

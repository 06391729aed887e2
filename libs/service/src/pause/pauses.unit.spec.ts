import { Health, Metrics } from '@orderstream/observability';
import { by, settingsOf, silentLogger } from '../../test/settings-of';
import { MemoryOperatorLog } from '../operator-log/memory-operator-log';
import { RevisionStaleError } from '../settings/revision-error';
import { Pauses } from './pauses';

/**
 * One instance of a service, started on a log that all instances share.
 *
 * @param begin what the service does before changes take effect
 */
async function instance(log: MemoryOperatorLog, begin: (pauses: Pauses) => unknown = () => undefined) {
  const calls: string[] = [];
  const control = {
    status: () => ({}),
    pause: () => {
      calls.push('pause');
      return Promise.resolve();
    },
    resume: (body?: object) => {
      calls.push(`resume ${JSON.stringify(body ?? {})}`);
      return Promise.resolve();
    },
  };
  const settings = settingsOf(log);
  await settings.start();
  const health = new Health();
  const pauses = new Pauses({
    service: 'probe',
    settings,
    control: () => control,
    health,
    metrics: new Metrics({ app: 'probe', processMetrics: false }),
    logger: silentLogger(),
  });
  await begin(pauses);
  await pauses.open();
  return { pauses, calls, health, settings };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a pause', () => {
  beforeEach(() => jest.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z'), doNotFake: ['setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  it('of the service holds in every instance and over a restart, until it is resumed', async () => {
    const log = new MemoryOperatorLog();
    const [a, b] = [await instance(log), await instance(log)];
    await a.pauses.pauseService(undefined, by('ann'));
    await turn();
    const restarted = await instance(log);
    for (const { calls, pauses, health } of [a, b, restarted]) {
      expect(calls).toEqual(['pause']);
      expect(pauses.current).toMatchObject({ scope: 'service', by: 'ann', since: '2026-01-01T00:00:00.000Z' });
      expect(health.readiness()).toMatchObject({
        ok: false,
        checks: {
          pause: { detail: 'paused by ann since 2026-01-01T00:00:00.000Z, until POST /admin/resume' },
        },
      });
    }
    await b.pauses.resume({ withoutBreakerRecords: 5 }, by('bob'));
    await turn();
    expect([a.calls, b.calls, restarted.calls]).toEqual([
      ['pause', 'resume {}'],
      ['pause', 'resume {"withoutBreakerRecords":5}'],
      ['pause', 'resume {}'],
    ]);
    for (const { health } of [a, b, restarted]) expect(health.readiness().ok).toBe(true);
    expect((await instance(log)).calls).toEqual([]);
  });

  it('with an end ends by itself in every instance, also in one that starts meanwhile or later', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    await a.pauses.pauseService(600_000, by('ann'));
    await jest.advanceTimersByTimeAsync(300_000);
    const restarted = await instance(log);
    expect(restarted.pauses.current?.until).toBe('2026-01-01T00:10:00.000Z');
    await jest.advanceTimersByTimeAsync(299_999);
    expect([a.calls, restarted.calls]).toEqual([['pause'], ['pause']]);
    await jest.advanceTimersByTimeAsync(1);
    expect([a.calls, restarted.calls]).toEqual([
      ['pause', 'resume {}'],
      ['pause', 'resume {}'],
    ]);
    expect((await instance(log)).calls).toEqual([]);
  });

  it('that ends, or begins, between the start of the work and the first command reaches the service', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    await a.pauses.pauseService(600_000, by('ann'));
    const answers: boolean[] = [];
    const late = await instance(log, async (pauses) => {
      answers.push(pauses.startsPaused());
      await jest.advanceTimersByTimeAsync(600_000);
    });
    expect([answers, late.calls, late.pauses.current]).toEqual([[true], ['resume {}'], undefined]);

    const paused = await instance(log, async (pauses) => {
      answers.push(pauses.startsPaused());
      await a.pauses.pauseService(600_000, by('ann'));
      await turn();
    });
    expect([answers, paused.calls]).toEqual([[true, false], ['pause']]);

    const unchanged = await instance(log, (pauses) => answers.push(pauses.startsPaused()));
    expect([answers, unchanged.calls]).toEqual([[true, false, true], []]);
    await jest.advanceTimersByTimeAsync(600_000);
    expect(unchanged.calls).toEqual(['resume {}']);
  });

  it('of an instance is a lease: it holds there alone, and a further one replaces its end', async () => {
    const log = new MemoryOperatorLog();
    const [a, b] = [await instance(log), await instance(log)];
    await a.pauses.pauseInstance(60, 'bob');
    await jest.advanceTimersByTimeAsync(59_000);
    await a.pauses.pauseInstance(60, 'bob');
    await jest.advanceTimersByTimeAsync(59_000);
    expect([a.calls, b.calls]).toEqual([['pause'], []]);
    expect((await instance(log)).calls).toEqual([]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(a.calls).toEqual(['pause', 'resume {}']);
  });

  it('of the service outlasts a lease', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    await a.pauses.pauseInstance(60, 'bob');
    await a.pauses.pauseService(undefined, by('ann'));
    await jest.advanceTimersByTimeAsync(61_000);
    expect(a.calls).toEqual(['pause']);
  });

  it('is not ended by a stale resume, nor replaced by a stale pause', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    const { revision } = a.pauses;
    await a.pauses.pauseService(undefined, by('ann'));
    await expect(a.pauses.resume({}, by('bob'), revision)).rejects.toBeInstanceOf(RevisionStaleError);
    await expect(a.pauses.pauseService(1_000, by('bob'), revision)).rejects.toBeInstanceOf(RevisionStaleError);
    expect([a.calls, a.pauses.current]).toMatchObject([['pause'], { by: 'ann', until: undefined }]);
  });

  it('that cannot be stored does not hold', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    jest.spyOn(log, 'append').mockRejectedValue(new Error('no broker'));
    await expect(a.pauses.pauseService(undefined, by('ann'))).rejects.toThrow('no broker');
    await a.pauses.pauseInstance(5, 'ann');
    expect([a.calls, a.pauses.current]).toMatchObject([['pause'], { scope: 'instance' }]);
  });

  it('of an unknown form is none', async () => {
    const log = new MemoryOperatorLog();
    const a = await instance(log);
    await a.settings.change({ subject: 'pause.probe', value: { paused: 'yes' }, expected: 0, audit: by('ann') });
    await turn();
    expect(a.calls).toEqual([]);
  });
});

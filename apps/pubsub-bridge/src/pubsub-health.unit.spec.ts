import type { PartitionBridge } from './partitions/partition-bridge';
import { PubSubHealth } from './pubsub-health';

const bridge = (partition: number, unacknowledged: number, failing?: PartitionBridge['failing']): PartitionBridge =>
  ({ partition: { topic: 'orders', partition }, unacknowledged, failing }) as PartitionBridge;

describe('readiness when Pub/Sub is down', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is red within 2 s of a lost connection, also with nothing to publish, and green when it is back', () => {
    const client: { connection: 'ready' | 'idle' | 'connecting' | 'failed' } = { connection: 'ready' };
    const health = new PubSubHealth(
      () => [bridge(2, 0), bridge(1, 5)],
      () => Date.now(),
    );
    health.watch(client);
    jest.advanceTimersByTime(5_000);
    expect(health.check()).toEqual({ ok: true });
    client.connection = 'connecting';
    jest.advanceTimersByTime(500);
    expect(health.check()).toEqual({ ok: true });
    jest.advanceTimersByTime(1_500);
    expect(health.check()).toMatchObject({
      ok: false,
      detail: { error: expect.stringContaining('no connection to Pub/Sub') as string, partitions: ['orders/1'] },
    });
    client.connection = 'ready';
    jest.advanceTimersByTime(250);
    expect(health.check()).toEqual({ ok: true });
    health.stop();
  });

  it('is red within 2 s when requests are not answered, and green after an answer', async () => {
    const health = new PubSubHealth(
      () => [bridge(4, 3)],
      () => Date.now(),
    );
    const answers: (() => void)[] = [];
    const call = health.observed(() => new Promise((resolve) => answers.push(resolve)));
    const signal = new AbortController().signal;
    const first = call([], signal);
    jest.advanceTimersByTime(1_000);
    expect(health.check().ok).toBe(true);
    const second = call([], signal);
    jest.advanceTimersByTime(1_000);
    expect(health.check()).toMatchObject({ ok: false, detail: { partitions: ['orders/4'] } });
    answers[0]?.();
    await first;
    expect(health.check()).toEqual({ ok: true });
    answers[1]?.();
    await second;
  });

  it('is red within 2 s of the first failed request, and names the partitions that do not move', () => {
    let nowMs = 10_000;
    const error = new Error('14 UNAVAILABLE');
    const bridges = [bridge(5, 1, { error, sinceMs: 10_000 }), bridge(0, 1), bridge(1, 1, { error, sinceMs: 10_000 })];
    const health = new PubSubHealth(
      () => bridges,
      () => nowMs,
    );
    expect(health.check().ok).toBe(true);
    nowMs += 1_900;
    expect(health.check()).toEqual({
      ok: false,
      detail: { error: '14 UNAVAILABLE', partitions: ['orders/1', 'orders/5'] },
    });
  });
});

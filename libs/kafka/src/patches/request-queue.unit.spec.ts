import { Metrics } from '@orderstream/observability';
import { loadFromKafkajs } from '../client/kafkajs-internals';
import { observeClients } from '../index';
import { originalScheduleCheckPendingRequests, scheduleCheckPendingRequests } from './request-queue';

interface ThrottledQueue {
  throttledUntil: number;
  maybeThrottle(ms: number | null): void;
}
const RequestQueue = loadFromKafkajs('kafkajs/src/network/requestQueue/index.js') as { prototype: object };

describe('the patch of the request queue', () => {
  const idleQueue = () => ({
    throttleCheckTimeoutId: null as NodeJS.Timeout | null,
    throttledUntil: -1,
    pending: [] as unknown[],
    checkPendingRequests: jest.fn(),
  });

  it('sets no timer while nothing is pending, where kafkajs sets one with a negative delay', () => {
    const setTimer = jest.spyOn(global, 'setTimeout').mockReturnValue(undefined as never);
    try {
      scheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer).not.toHaveBeenCalled();
      originalScheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer.mock.calls[0]?.[1]).toBeLessThan(0);
      setTimer.mockClear();
      scheduleCheckPendingRequests.call({ ...idleQueue(), pending: [{}] });
      expect(setTimer.mock.calls[0]?.[1]).toBe(10);
    } finally {
      setTimer.mockRestore();
    }
  });

  it('counts the time for which a broker asks for no requests, and still waits for it', async () => {
    const metrics = new Metrics({ app: 'probe', processMetrics: false });
    observeClients(metrics);
    const throttled = async (): Promise<number> =>
      (await metrics.registry.getSingleMetric('orderstream_kafka_throttled_seconds_total')?.get())?.values[0]?.value ??
      NaN;
    const before = await throttled();
    const queue = Object.assign(Object.create(RequestQueue.prototype) as ThrottledQueue, {
      throttledUntil: -1,
      logger: { debug: () => undefined },
    });
    queue.maybeThrottle(1_500);
    queue.maybeThrottle(0);
    queue.maybeThrottle(null);
    expect((await throttled()) - before).toBeCloseTo(1.5);
    expect(queue.throttledUntil).toBeGreaterThan(Date.now() + 1_000);
  });
});

import { createLogger } from '@orderstream/observability';
import type { TopologyState } from '@orderstream/pubsub';

import { type Gap, type Progress, SubscriptionGaps } from '../gaps/subscription-gaps';
import { TopologyMonitor } from './topology-monitor';

const GOOD: TopologyState = {
  missing: [],
  subscriptionState: 'ACTIVE',
  subscriptionIdentity: '1',
  differences: [],
};
const range = (acknowledged: number, taken: number): Progress => ({ first: 10, acknowledged, taken });

function setUp() {
  const world = { state: GOOD as TopologyState | Error, published: range(100, 120), nowMs: 0, repairs: 0 };
  const gaps: Gap[] = [];
  const book = new SubscriptionGaps(() => world.nowMs);
  const open = () => book.opened({ topic: 'orders', partition: 3 }, { gaps: [] }, 10, () => world.published);
  const lines: Record<string, unknown>[] = [];
  const read = (): Promise<TopologyState> =>
    world.state instanceof Error ? Promise.reject(world.state) : Promise.resolve(world.state);
  const monitor: TopologyMonitor = new TopologyMonitor({
    inspect: read,
    repair: () => {
      world.repairs++;
      world.nowMs += 500;
      world.state = { ...GOOD, subscriptionIdentity: '2' };
      return monitor.observe(read);
    },
    gaps: book,
    intervalMs: 30_000,
    logger: createLogger({
      service: 'test',
      level: 'info',
      destination: { write: (text: string) => lines.push(JSON.parse(text) as Record<string, unknown>) },
    }),
    onGap: (gap) => gaps.push(gap),
    now: () => world.nowMs,
  });
  return { world, gaps, book, open, lines, monitor };
}

describe('TopologyMonitor', () => {
  it('puts a deleted subscription back, and reports all that was published since it was last seen', async () => {
    const { world, gaps, book, open, lines, monitor } = setUp();
    await monitor.check();
    open();
    world.nowMs = 30_000;
    world.published = range(200, 230);
    await monitor.check();
    expect(monitor.readiness()).toEqual({ ok: true });
    expect(gaps).toEqual([]);

    world.state = {
      ...GOOD,
      missing: ['orders-to-bigquery'],
      subscriptionState: 'MISSING',
      subscriptionIdentity: undefined,
    };
    world.nowMs = 60_000;
    world.published = range(400, 450);
    await monitor.check();
    const expected = {
      from: '1970-01-01T00:00:30.000Z',
      to: '1970-01-01T00:01:00.500Z',
      partitions: [
        { topic: 'orders', partition: 3, fromOffset: 200, toOffset: 450, rewind: { partition: 3, offset: 200 } },
      ],
    };
    expect(world.repairs).toBe(1);
    expect(gaps).toEqual([expected]);
    expect(book.all()).toEqual([expected]);
    const line = lines.find(({ msg }) => String(msg).includes('POST /admin/rewind {"partition":3,"offset":200}'));
    expect(line).toMatchObject(expected);
    // It does not claim to contain what had waited in the subscription, and says how to find it.
    expect(line?.msg).toMatch(
      /waited in the deleted subscription, is lost too and is not in these offsets: run the query of docs/,
    );
    // Red with the reason until the next check finds it.
    expect(monitor.readiness()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('orders-to-bigquery') as string,
    });
    await monitor.check();
    expect(monitor.readiness()).toEqual({ ok: true });
    expect(gaps).toHaveLength(1);
  });

  it('reports a subscription that another instance has put back, and repairs nothing', async () => {
    const { world, gaps, open, monitor } = setUp();
    await monitor.check();
    open();
    world.nowMs = 30_000;
    world.published = range(400, 450);
    world.state = { ...GOOD, subscriptionIdentity: '9' };
    await monitor.check();
    expect(gaps).toMatchObject([{ partitions: [{ fromOffset: 10, toOffset: 450 }] }]);
    expect(world.repairs).toBe(0);
  });

  it('is not ready with the reason while something differs or cannot be read, and again when it is corrected', async () => {
    const { world, monitor } = setUp();
    expect(monitor.readiness().ok).toBe(false);
    world.state = {
      ...GOOD,
      subscriptionState: 'RESOURCE_ERROR',
      differences: [{ text: 'its state is RESOURCE_ERROR', effect: 'delays' }],
    };
    await monitor.check();
    expect(monitor.readiness()).toEqual({ ok: false, detail: 'its state is RESOURCE_ERROR' });
    expect(monitor.subscriptionState).toBe('RESOURCE_ERROR');
    expect(monitor.blocked).toBeUndefined();
    world.state = { ...GOOD, differences: [{ text: 'it has a filter', effect: 'loses' }] };
    await monitor.check();
    expect(monitor.blocked).toBe('it has a filter');
    world.state = new Error('PERMISSION_DENIED');
    await monitor.check();
    expect(monitor.readiness()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('PERMISSION_DENIED') as string,
    });
    world.state = GOOD;
    await monitor.check();
    expect(monitor.readiness()).toEqual({ ok: true });
    expect(monitor.blocked).toBeUndefined();
  });

  it('knows why the topic rejects everything from a fresh read only', async () => {
    const { world, monitor } = setUp();
    await monitor.check();
    expect(await monitor.rejectionReason()).toBeUndefined();
    world.state = { ...GOOD, differences: [{ text: 'a schema', effect: 'rejects' }] };
    world.nowMs = 1_001;
    expect(await monitor.rejectionReason()).toBe('a schema');
    world.state = new Error('down');
    world.nowMs = 3_000;
    await expect(monitor.rejectionReason()).rejects.toThrow('down');
  });
});

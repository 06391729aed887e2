import { formatLiveLine, type LiveCounts, readLiveCounts } from './live-line';

const counts: LiveCounts = {
  generated: 2_100,
  eventsPerSecond: 49.6,
  accepted: 2_051,
  deadLettered: 40,
  skipped: 3,
  inBigQuery: 2_000,
  inStreamingOrders: 900,
  lag: 12,
  stopped: [],
};

/** A service that gives this status, as far as the live line uses one. */
const answering = (status: object) => ({ status: () => Promise.resolve(status) });
const partition = (state: string, lag: number) => ({ topic: 'orders', partition: 0, state, lag });
const accounts = { input: 1, accepted: 1, repaired: 0, skipped: 0, deadLettered: 0 };
const accounting = { orders: accounts, interactions: accounts, catalog: accounts, customers: accounts };

function stack(validator: object, tables: () => Promise<Record<string, number>>, answerWithinMs = 3_000) {
  const consumer = answering({ partitions: [partition('running', 2)] });
  const clients = {
    'order-generator': answering({
      state: 'running',
      nextSeq: 7,
      run: { generated: 7, acked: 7 },
      rate: { achieved: 50 },
    }),
    validator: answering(validator),
    'bq-sink': consumer,
    'pubsub-bridge': consumer,
    'subscription-emulator': consumer,
  };
  return readLiveCounts(clients, { counts: tables }, answerWithinMs);
}

describe('the live line', () => {
  it('shows counts with their rate, and what is down or stopped', () => {
    expect(formatLiveLine(62, counts, [])).toBe(
      '01:02  generated 2,100 (50/s)  accepted 2,051  dead-lettered 40  skipped 3  BigQuery 2,000  streaming_orders 900  lag 12',
    );
    const line = formatLiveLine(3_662, { ...counts, lag: undefined, stopped: ['validator orders/5'] }, [
      { name: 'bq-sink', state: 'restarting', restarts: 2 },
      { name: 'validator', state: 'running', restarts: 0 },
    ]);
    expect(line).toMatch(/^01:01:02 .* lag \? {2}DOWN: bq-sink restarting \(2\) {2}STOPPED: validator orders\/5$/);
  });

  it('leaves out what a restoring validator would undercount, and names a partition that is stopped', async () => {
    const whole = Array.from({ length: 24 }, () => partition('running', 1));
    const rows = () => Promise.resolve({ order_events: 5, streaming_orders: 3 });
    expect(await stack({ accounting, partitions: whole }, rows)).toMatchObject({
      accepted: 4,
      lag: 28,
      inBigQuery: 5,
      stopped: [],
    });
    const opening = [...whole.slice(1), partition('opening', 0)];
    expect(await stack({ accounting, partitions: opening }, rows)).toMatchObject({
      accepted: undefined,
      lag: undefined,
      inBigQuery: 5,
    });
    const stopped = [...whole.slice(1), partition('stopped', 9)];
    expect(await stack({ accounting, partitions: stopped }, rows)).toMatchObject({ stopped: ['validator orders/0'] });
  });

  it('goes on when the warehouse hangs', async () => {
    const hanging = () => new Promise<never>(() => undefined);
    expect(await stack({ accounting, partitions: [] }, hanging, 20)).toMatchObject({
      generated: 7,
      inBigQuery: undefined,
    });
  });
});

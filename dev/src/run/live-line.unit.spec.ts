import { formatLiveLine, type LiveCounts, readLiveCounts } from './live-line';

const counts: LiveCounts = {
  generated: 2_100,
  eventsPerSecond: 49.6,
  accepted: 2_030,
  repaired: 21,
  deadLettered: 40,
  skipped: 3,
  inBigQuery: 2_000,
  inStreamingOrders: 900,
  lag: 12,
  stopped: [],
  retrying: [],
};

/** A service with the fields of its status that the live line reads. */
const serviceWith = (status: object) => ({ status: () => Promise.resolve(status) });
const partition = (state: string, lag: number) => ({ topic: 'orders', partition: 0, state, lag });
const familyCounters = {
  input: 1_111,
  accepted: 1_000,
  repaired: 100,
  skipped: 10,
  deadLettered: 1,
  passedOver: 0,
  flagged: 0,
};
const accounting = {
  orders: familyCounters,
  interactions: familyCounters,
  catalog: familyCounters,
  customers: familyCounters,
};

function readCounts(
  validator: object,
  tables: () => Promise<Record<string, number>>,
  { timeoutMs = 3_000, letters = [] }: { readonly timeoutMs?: number; readonly letters?: readonly object[] } = {},
) {
  const consumer = serviceWith({ partitions: [partition('running', 2)] });
  const clients = {
    'order-generator': serviceWith({
      state: 'running',
      nextSeq: 7,
      run: { generated: 7, acked: 7 },
      rate: { achieved: 50 },
    }),
    validator: serviceWith(validator),
    'bq-sink': serviceWith({ partitions: [partition('running', 2)], deadLetters: { partitions: letters } }),
    'pubsub-bridge': consumer,
    'subscription-emulator': consumer,
  };
  return readLiveCounts(clients, { counts: tables }, timeoutMs);
}

describe('the star schema in the live line', () => {
  const asOf = new Date('2026-03-01T10:42:07.500Z');

  it.each([
    [{ kind: 'building' }, 'star schema is being built'],
    [{ kind: 'built', asOf }, 'star schema of 10:42:07Z'],
    [{ kind: 'failed', asOf }, 'star schema of 10:42:07Z, FAILED since'],
    [{ kind: 'failed', asOf: undefined }, 'star schema FAILED'],
  ] as const)('%j', (state, expected) => {
    expect(formatLiveLine(62, counts, [], state).endsWith(`  ${expected}`)).toBe(true);
  });

  it('is left out until it is built', () => {
    expect(formatLiveLine(62, counts, [])).not.toContain('star schema');
  });
});

describe('the live line', () => {
  it('shows accepted and repaired records apart, the rate, and what is down, stopped or retrying', () => {
    expect(formatLiveLine(62, counts, [])).toBe(
      '01:02  generated 2,100 (50/s)  accepted 2,030  repaired 21  dead-lettered 40  skipped 3  BigQuery 2,000  streaming_orders (orders only) 900  lag 12',
    );
    const line = formatLiveLine(
      3_662,
      {
        ...counts,
        lag: undefined,
        stopped: ['validator orders/5'],
        retrying: ['bq-sink orders/1', 'pubsub-bridge orders/2'],
      },
      [
        { name: 'bq-sink', state: 'restarting', restarts: 2 },
        { name: 'validator', state: 'running', restarts: 0 },
        { name: 'pubsub-emulator', state: 'not answering', restarts: 0 },
      ],
    );
    expect(line).toMatch(
      /^01:01:02 .* lag \? {2}DOWN: bq-sink restarting \(2\), pubsub-emulator not answering {2}STOPPED: validator orders\/5 {2}RETRYING: bq-sink orders\/1, pubsub-bridge orders\/2$/,
    );
  });

  it('shows a component that has not been ready yet as starting, and as down only when it failed or was ready before', () => {
    const components = [
      { name: 'validator', state: 'running', restarts: 0 },
      { name: 'console', state: 'starting', restarts: 0 },
    ] as const;
    const line = formatLiveLine(2, counts, components);
    expect(line).toMatch(/ {2}lag 12 {2}starting: console$/);
    expect(line).not.toContain('DOWN');
    const failed = formatLiveLine(2, counts, [{ name: 'console', state: 'failed', restarts: 0 }]);
    expect(failed).toMatch(/ {2}lag 12 {2}DOWN: console failed$/);
    const restarting = formatLiveLine(2, counts, [{ name: 'console', state: 'restarting', restarts: 1 }]);
    expect(restarting).toMatch(/ {2}DOWN: console restarting \(1\)$/);
  });

  it('sums each counter over the families, and leaves the counters out while the validator restores', async () => {
    const whole = Array.from({ length: 24 }, () => partition('running', 1));
    const rows = () => Promise.resolve({ order_events: 5, catalog_events: 4, streaming_orders: 3 });
    expect(await readCounts({ accounting, partitions: whole }, rows)).toEqual({
      generated: 7,
      eventsPerSecond: 50,
      accepted: 4_000,
      repaired: 400,
      skipped: 40,
      deadLettered: 4,
      inBigQuery: 9,
      inStreamingOrders: 3,
      lag: 28,
      stopped: [],
      retrying: [],
    });
    const opening = [...whole.slice(1), partition('opening', 0)];
    expect(await readCounts({ accounting, partitions: opening }, rows)).toEqual({
      generated: 7,
      eventsPerSecond: 50,
      accepted: undefined,
      repaired: undefined,
      skipped: undefined,
      deadLettered: undefined,
      inBigQuery: 9,
      inStreamingOrders: 3,
      lag: undefined,
      stopped: [],
      retrying: [],
    });
    const stopped = [...whole.slice(1), partition('stopped', 9)];
    expect(await readCounts({ accounting, partitions: stopped }, rows)).toMatchObject({
      stopped: ['validator orders/0'],
      retrying: [],
    });
    const retrying = [...whole.slice(1), partition('retrying', 9)];
    expect(await readCounts({ accounting, partitions: retrying }, rows)).toMatchObject({
      stopped: [],
      retrying: ['validator orders/0'],
    });
  });

  it('names the partitions of dead letters that do not run, and leaves their lag out', async () => {
    const letters = ['stopped', 'retrying', 'running'].map((state) => ({
      ...partition(state, 9),
      topic: `${state}.dlq`,
    }));
    const whole = Array.from({ length: 24 }, () => partition('running', 1));
    const read = await readCounts({ accounting, partitions: whole }, () => Promise.resolve({}), { letters });
    expect(read).toMatchObject({ lag: 28, stopped: ['bq-sink stopped.dlq/0'], retrying: ['bq-sink retrying.dlq/0'] });
  });

  it('leaves out the rows while BigQuery does not answer', async () => {
    const hanging = () => new Promise<never>(() => undefined);
    expect(await readCounts({ accounting, partitions: [] }, hanging, { timeoutMs: 20 })).toMatchObject({
      generated: 7,
      inBigQuery: undefined,
      inStreamingOrders: undefined,
    });
  });
});

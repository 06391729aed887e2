import { deadLetterTopic, rawTopic } from '@orderstream/contracts';
import { type QueryRow } from '@orderstream/bigquery';
import { type LateCatalog } from './late-catalog';
import { type Plan, type ReplayStack } from './replay-stack';

export const ORDERS = 5_000;
/** Placed, paid, shipped. */
export const EVENTS = 3 * ORDERS;
export const TOPIC = deadLetterTopic(rawTopic('orders'), 'validator');
/** More than the test sends, so that the breaker of each partition stops it once. */
const WITHOUT_BREAKER_RECORDS = 100_000;

interface Group {
  readonly fingerprint: string;
  readonly reason: string;
  readonly count: number;
}

/** The letters of the orders that were rejected. */
export interface RejectedOrders {
  readonly group: Group;
  readonly from: string;
}

/** Sends the orders, and lets the validator reject all of them: the circuit breaker stops its partitions on the way. */
export async function rejectOrders(stack: ReplayStack, late: LateCatalog): Promise<RejectedOrders> {
  const from = new Date().toISOString();
  await late.sendOrders(stack.kafka());
  await stack.until('the circuit breaker to stop partitions', async () => {
    const { partitions } = await stack.status<{ partitions: { state: string; error?: string }[] }>('validator');
    return partitions.some(({ state, error }) => state === 'stopped' && error !== undefined);
  });
  await stack.ctl('resume', 'validator', '--without-breaker-records', String(WITHOUT_BREAKER_RECORDS));
  const groups = await stack.until('every event among the dead letters', async () => {
    const list = await stack.ctl<{ groups: Group[] }>('dead-letters', 'groups', '--topic', TOPIC, '--from', from);
    const count = (reason: string): number => total(list.groups.filter((group) => group.reason === reason));
    return count('reference.unknown_vendor') >= ORDERS && count('lifecycle.unknown_order') >= 2 * ORDERS && list.groups;
  });
  const [group, ...others] = groups.filter(({ reason }) => reason === 'reference.unknown_vendor');
  if (group === undefined) throw new Error('no group');
  expect(others).toEqual([]);
  expect(group.count).toBeGreaterThanOrEqual(ORDERS);
  return { group, from };
}

export async function announce(stack: ReplayStack, late: LateCatalog): Promise<void> {
  await late.sendCatalog(stack.kafka());
  const query = 'SELECT event_id FROM `{dataset}.catalog_events` WHERE event_source = @source';
  await stack.untilRows('the vendor and its product in the catalog', 2, query, { source: late.source });
}

/** A plan for the letters of the group, of the vendor of this test: others of the generator stay where they are. */
export async function createPlan(
  stack: ReplayStack,
  late: LateCatalog,
  { group, from }: RejectedOrders,
  ...options: readonly string[]
): Promise<Plan> {
  const filter = ['--topic', TOPIC, '--fingerprint', group.fingerprint, '--from', from];
  const field = ['--field', `vendor_id=${late.vendorId}`];
  const plan = await stack.ctl<Plan>('replay', 'create', ...filter, ...field, ...options, '--preview');
  expect(plan.state).toBe('ready');
  expect(plan.preview).toMatchObject({ letters: ORDERS, followers: 2 * ORDERS, total: EVENTS });
  expect(plan.preview.dryRun).toEqual({ passes: EVENTS, fails: [], undecided: 0 });
  return plan;
}

/** Every event is in the tables as it must be, and every letter has its receipt. */
export async function expectReplayed(stack: ReplayStack, late: LateCatalog, plan: Plan): Promise<void> {
  expect(plan).toMatchObject({ state: 'finished', progress: { returned: EVENTS, cameBack: 0, total: EVENTS } });
  const query = `SELECT event_id, customer_id, _kafka_partition AS p, _kafka_offset AS o
    FROM \`{dataset}.order_events\` WHERE event_source = @source`;
  const rows = await stack.untilRows('every event in order_events', EVENTS, query, { source: late.source });
  // Exactly once.
  expect(idsOf(rows)).toEqual(late.ids);
  expect(inLogOrder(rows)).toEqual(late.idsByCustomer);
  const streaming =
    'SELECT DISTINCT event_id FROM `{dataset}.streaming_orders` WHERE STARTS_WITH(customer_id, @prefix)';
  const streamed = await stack.untilRows('every event in streaming_orders', EVENTS, streaming, {
    prefix: late.customerPrefix,
  });
  expect(idsOf(streamed)).toEqual(late.ids);

  const { receipts } = await stack.ctl<{ receipts: { letter: string; outcome: string }[] }>(
    'replay',
    'receipts',
    plan.id,
    ...['--limit', String(EVENTS * 2)],
  );
  expect(receipts.every(({ outcome }) => outcome === 'returned')).toBe(true);
  expect(new Set(receipts.map(({ letter }) => letter)).size).toBe(EVENTS);
  expect(receipts).toHaveLength(EVENTS);
}

function total(groups: readonly Group[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

const idsOf = (rows: readonly QueryRow[]): string[] => rows.map(({ event_id: id }) => String(id)).sort();

/** The event ids of each customer in the order of the validated log. */
function inLogOrder(rows: readonly QueryRow[]): ReadonlyMap<string, readonly string[]> {
  const byCustomer = new Map<string, string[]>();
  const sorted = [...rows].sort((a, b) => Number(a.p) - Number(b.p) || Number(a.o) - Number(b.o));
  for (const { customer_id: customer, event_id: id } of sorted) {
    const ids = byCustomer.get(String(customer)) ?? [];
    ids.push(String(id));
    byCustomer.set(String(customer), ids);
  }
  return byCustomer;
}

import { type EventType } from '@orderstream/contracts';
import { lifecycleFields, type Order, type OrderState } from '../simulation/orders';
import { type Draft } from '../simulation/record';
import { altered, type Defect, type Moment } from './defect';

/** For each state of an order, events that are illegal in it. */
const ILLEGAL: Readonly<Record<OrderState, readonly [EventType, ...EventType[]]>> = {
  placed: ['order.shipped', 'order.delivered'],
  paid: ['order.paid', 'order.delivered'],
  shipped: ['order.paid'],
  delivered: ['order.cancelled', 'order.shipped'],
  rated: ['order.cancelled', 'order.rated'],
  returned: ['order.cancelled', 'order.returned'],
  cancelled: ['order.paid', 'order.shipped', 'order.delivered'],
};

const FOLLOW_UPS = ['order.paid', 'order.shipped', 'order.delivered', 'order.cancelled'] as const;

function event({ market, seq, nowMs }: Moment, type: EventType, order: Order): Draft {
  const fields = lifecycleFields(type, order, market.rng, market.pools, market.identities);
  return market.draft(seq, nowMs, { type, key: order.customerId, fields });
}

function illegalTransition(moment: Moment): Draft | undefined {
  const { rng, memory } = moment.market;
  if (memory.orders.length === 0) return undefined;
  const order = memory.orders[rng.index(memory.orders.length)];
  return order && event(moment, rng.pick(ILLEGAL[order.state]), order);
}

/** A lifecycle event of an order of a known customer that was never placed. */
function eventOfUnknownOrder(moment: Moment): Draft | undefined {
  const { market, seq, nowMs } = moment;
  const known = market.memory.orders[0];
  if (known === undefined) return undefined;
  const unplaced = { ...known, id: market.identities.sha256('no-order', seq), placedAtMs: nowMs };
  return event(moment, market.rng.pick(FOLLOW_UPS), unplaced);
}

export const LIFECYCLE_DEFECTS: readonly Defect[] = [
  altered(
    { name: 'lifecycle.illegal_transition', expected: 'reject:lifecycle.illegal_transition', weight: 4 },
    illegalTransition,
    (body) => body,
  ),
  altered(
    { name: 'lifecycle.unknown_order', expected: 'reject:lifecycle.unknown_order', weight: 2 },
    eventOfUnknownOrder,
    (body) => body,
  ),
];

/** The states of an order: for each state, the events that may follow and the state that each leads to. */
const ORDER_LIFECYCLE = {
  /** No order of this id was accepted. */
  none: { 'order.placed': 'placed' },
  placed: { 'order.paid': 'paid', 'order.cancelled': 'cancelled' },
  paid: { 'order.shipped': 'shipped', 'order.cancelled': 'cancelled' },
  shipped: { 'order.delivered': 'delivered' },
  delivered: { 'order.rated': 'rated', 'order.returned': 'returned' },
  /** A customer rates an order once. A rated order can still be returned, and a returned one rated. */
  rated: { 'order.returned': 'returned_rated' },
  returned: { 'order.rated': 'returned_rated' },
  returned_rated: {},
  cancelled: {},
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type OrderState = Exclude<keyof typeof ORDER_LIFECYCLE, 'none'>;

/** States that at most one more event can follow. Orders in them are evicted first. */
export const CLOSED_STATES: ReadonlySet<OrderState> = new Set<OrderState>([
  'rated',
  'returned',
  'returned_rated',
  'cancelled',
]);

const TRANSITIONS: ReadonlyMap<string, ReadonlyMap<string, OrderState>> = new Map(
  Object.entries(ORDER_LIFECYCLE).map(([state, next]) => [
    state,
    new Map(Object.entries(next as Readonly<Record<string, OrderState>>)),
  ]),
);

/**
 * The state after an event of this type, or undefined if the transition is illegal. `state` is undefined for an unknown
 * order.
 */
export function nextState(state: OrderState | undefined, eventType: string): OrderState | undefined {
  return TRANSITIONS.get(state ?? 'none')?.get(eventType);
}

/**
 * The state after an event of this type if events between it and the state may be missing: the one on the shortest way.
 * Undefined if no missing events explain it: an order that was paid is not paid again, and nothing follows a cancelled one.
 */
export function nextStateAfterMissing(state: OrderState, eventType: string): OrderState | undefined {
  const reachable = new Set<OrderState>([state]);
  for (const reached of reachable) {
    const next = nextState(reached, eventType);
    if (next !== undefined) return next;
    for (const following of TRANSITIONS.get(reached)?.values() ?? []) reachable.add(following);
  }
  return undefined;
}

export function isOrderState(text: string): text is OrderState {
  return text !== 'none' && TRANSITIONS.has(text);
}

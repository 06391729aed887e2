/**
 * The life of an order, as data: which event may follow which state, and the state it leads to. An event that is not
 * listed for a state is an illegal transition.
 */
export const ORDER_LIFECYCLE = {
  /** No order of this id was accepted. */
  none: { 'order.placed': 'placed' },
  placed: { 'order.paid': 'paid', 'order.cancelled': 'cancelled' },
  paid: { 'order.shipped': 'shipped', 'order.cancelled': 'cancelled' },
  shipped: { 'order.delivered': 'delivered' },
  delivered: { 'order.rated': 'rated', 'order.returned': 'returned' },
  /** A customer rates an order once; a rated one may still come back, a returned one may still be rated. */
  rated: { 'order.returned': 'returned_rated' },
  returned: { 'order.rated': 'returned_rated' },
  returned_rated: {},
  cancelled: {},
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type OrderState = Exclude<keyof typeof ORDER_LIFECYCLE, 'none'>;

/** States after which little or nothing is expected: such orders leave a full memory first. */
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

/** The state that an event of this type leads to; undefined where it is illegal. `undefined` state: an unknown order. */
export function nextState(state: OrderState | undefined, eventType: string): OrderState | undefined {
  return TRANSITIONS.get(state ?? 'none')?.get(eventType);
}

export function isOrderState(text: string): text is OrderState {
  return text !== 'none' && TRANSITIONS.has(text);
}

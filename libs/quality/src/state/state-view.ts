import type { OrderState } from '../lifecycle';

/** What is remembered of an accepted order. Times are milliseconds since the epoch. */
export interface OrderLifecycle {
  readonly state: OrderState;
  /** Append time of its last event. */
  readonly updatedAtMs: number;
  /** order_placed_at, as far as it may count: see `lifecycleAfter`. */
  readonly placedAtMs: number;
  /** Append time of its order.placed. */
  readonly appendedAtMs: number;
  /** See `orderKeyOf`. */
  readonly orderKey: string;
}

/** The state of one input partition as the rules see it: what was accepted before the record at hand. */
export interface StateView {
  hasEvent(identity: string): boolean;
  hasOrderKey(orderKey: string): boolean;
  order(orderId: string): OrderLifecycle | undefined;
  /** customer_registered_at as first accepted. */
  registration(customerId: string): string | undefined;
  /**
   * Eviction horizon: every accepted order placed after it is known, but for those dated further ahead of their append
   * time than events may be. Undefined: no order was ever forgotten. In milliseconds since the epoch, by order_placed_at.
   */
  readonly forgottenPlacedUntilMs: number | undefined;
}

/** What an accepted record leaves behind. */
export type StateChange =
  | { readonly kind: 'event'; readonly identity: string }
  | { readonly kind: 'order'; readonly orderId: string; readonly lifecycle: OrderLifecycle }
  | { readonly kind: 'registration'; readonly customerId: string; readonly registeredAt: string };

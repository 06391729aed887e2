import type { OrderLifecycle } from './order-memory';

/** The state of one input partition as the rules see it: what was accepted before the record under evaluation. */
export interface StateView {
  hasEvent(identity: string): boolean;
  hasOrderKey(orderKey: string): boolean;
  order(orderId: string): OrderLifecycle | undefined;
  /** The first accepted customer_registered_at. */
  registration(customerId: string): string | undefined;
  /**
   * Horizon of the orders, by order_placed_at in milliseconds since the epoch: every accepted order placed after it is
   * remembered, except one dated further ahead of its append time than events may be. Undefined: no order was
   * forgotten.
   */
  readonly forgottenPlacedUntilMs: number | undefined;
}

/** What an accepted record changes in the state. */
export type StateChange =
  | { readonly kind: 'event'; readonly identity: string }
  | { readonly kind: 'order'; readonly orderId: string; readonly lifecycle: OrderLifecycle }
  | { readonly kind: 'registration'; readonly customerId: string; readonly registeredAt: string };

import type { OrderLifecycle } from './order-memory';
import type { Registration } from './registration-memory';

/** The state of one input partition as the rules see it: what was accepted before the record under evaluation. */
export interface StateView {
  hasEvent(identity: string): boolean;
  hasOrderKey(orderKey: string): boolean;
  order(orderId: string): OrderLifecycle | undefined;
  registration(customerId: string): Registration | undefined;
  /**
   * What is accepted now counts as appended at this time, in milliseconds since the epoch: the append time of the record
   * under evaluation, unless the clock of the broker that stamped it was wrong.
   */
  readonly nowMs: number;
  /**
   * Horizon of the orders, by order_placed_at in milliseconds since the epoch: every accepted order placed after it is
   * remembered, except one dated further ahead of its append time than events may be. Undefined: no order was
   * forgotten.
   */
  readonly forgottenPlacedUntilMs: number | undefined;
  /**
   * Horizon of the customers, by customer_registered_at in milliseconds since the epoch: every customer of an accepted
   * order who registered after it is remembered. Undefined: no customer was forgotten.
   */
  readonly forgottenRegisteredUntilMs: number | undefined;
  /**
   * Append time up to which records of the input may be missing that came behind those that are remembered: they were left
   * out by an operator's command, or a rebuild could not read them, or retention had removed them from its log. A rebuild
   * that counts the input cannot distinguish redeliveries from what was left out: then all of it may be missing.
   * Undefined: none is missing. An order that was last updated up to then may lack events.
   */
  readonly missedUntilMs: number | undefined;
}

/** What an accepted record changes in the state. */
export type StateChange =
  | { readonly kind: 'event'; readonly identity: string }
  | { readonly kind: 'order'; readonly orderId: string; readonly lifecycle: OrderLifecycle }
  | { readonly kind: 'registration'; readonly customerId: string; readonly registeredAt: string };

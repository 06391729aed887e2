import { type StateChange, type StateView } from '@orderstream/quality';

type Lifecycle = NonNullable<ReturnType<StateView['order']>>;
type Registration = NonNullable<ReturnType<StateView['registration']>>;

/**
 * What the rules remember of the rows before, without windows: nothing is forgotten. Its size is that of a bucket of
 * customers.
 */
export class BatchState implements StateView {
  nowMs = 0;
  readonly forgottenPlacedUntilMs = undefined;
  readonly forgottenRegisteredUntilMs = undefined;
  readonly missedUntilMs = undefined;
  private readonly events = new Set<string>();
  private readonly orderKeys = new Set<string>();
  private readonly orders = new Map<string, Lifecycle>();
  private readonly registrations = new Map<string, Registration>();

  hasEvent(identity: string): boolean {
    return this.events.has(identity);
  }

  hasOrderKey(orderKey: string): boolean {
    return this.orderKeys.has(orderKey);
  }

  order(orderId: string): Lifecycle | undefined {
    return this.orders.get(orderId);
  }

  registration(customerId: string): Registration | undefined {
    return this.registrations.get(customerId);
  }

  apply(changes: readonly StateChange[]): void {
    for (const change of changes) {
      switch (change.kind) {
        case 'event':
          this.events.add(change.identity);
          break;
        case 'order':
          this.orders.set(change.orderId, change.lifecycle);
          this.orderKeys.add(change.lifecycle.orderKey);
          break;
        case 'registration':
          this.registrations.set(change.customerId, {
            registeredAt: change.registeredAt,
            learnedAtMs: this.nowMs,
            certain: true,
          });
      }
    }
  }
}

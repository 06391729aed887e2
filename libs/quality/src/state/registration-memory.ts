import { timestampMicros } from '@orderstream/contracts';
import { evictions } from './bounded';
import { BoundedMap, BoundedMapOverlay, type Entry } from './bounded-map';
import { decodeStateRecord, STATE_VERSION, type StateRecord } from './state-record';

export interface RegistrationLimits {
  /** Per partition. */
  readonly maxEntries: number;
}

/** Default bound of the memory of registrations. */
export const REGISTRATION_LIMITS: RegistrationLimits = { maxEntries: 40_000 };

export const REGISTRATION_PREFIX = 'registration/';

export interface Registration {
  /** customer_registered_at of the first accepted order.placed of the customer, as far as it is known. */
  readonly registeredAt: string;
  /** Append time of that order, in milliseconds since the epoch. */
  readonly learnedAtMs: number;
  /** Whether it is the first: nobody had been forgotten when it was learned. */
  readonly certain: boolean;
}

/**
 * Remembers when customers registered, as committed.
 *
 * - What: for each customer the first customer_registered_at that was accepted.
 * - How much: `limits`, by default `REGISTRATION_LIMITS`: by count alone, the oldest leave first.
 * - How it is written: one record per customer, `registration/<customer_id>`, deleted when the customer leaves. The
 *   summary holds the horizon of those who have left.
 */
export class RegistrationMemory extends BoundedMap<Registration> {
  /** See `StateView`. */
  forgottenRegisteredUntilMs: number | undefined;

  constructor(limits: RegistrationLimits) {
    super({ ...limits, windowMs: Infinity }, ({ learnedAtMs }) => learnedAtMs);
  }

  /** @throws StateUnreadableError if the value cannot be read. */
  restoreRecord(key: Buffer, value: Buffer | null): void {
    // A copy: a slice of the key's text would retain the whole text for as long as the customer is remembered.
    const customerId = key.toString('utf8', REGISTRATION_PREFIX.length);
    this.entries.delete(customerId);
    if (value === null) return;
    this.entries.set(
      customerId,
      decodeStateRecord(key.toString(), value.toString(), (fields) => ({
        registeredAt: fields.text('registeredAt'),
        learnedAtMs: fields.number('learnedAtMs'),
        certain: fields.truth('certain'),
      })),
    );
  }
}

/** The changes of an open batch on top of a `RegistrationMemory`. */
export class RegistrationMemoryOverlay extends BoundedMapOverlay<Registration> {
  forgottenRegisteredUntilMs: number | undefined;

  constructor(private readonly memory: RegistrationMemory) {
    super(memory);
    this.forgottenRegisteredUntilMs = memory.forgottenRegisteredUntilMs;
  }

  /** Remembers the registration of a customer who is not remembered. */
  learn(customerId: string, registeredAt: string, nowMs: number): void {
    const certain = this.forgottenRegisteredUntilMs === undefined;
    this.put(customerId, { registeredAt, learnedAtMs: nowMs, certain });
  }

  /** Customers who registered up to this time may be missing. */
  forgetRegisteredUntil(ms: number): void {
    this.forgottenRegisteredUntilMs = Math.max(this.forgottenRegisteredUntilMs ?? ms, ms);
  }

  /**
   * Removes customers for ever, as if they had left by the bounds.
   * @returns how many
   */
  forgetCustomers(isMeant: (customerId: string) => boolean): number {
    const found = [...this.memory.entries.keys()].filter((customerId) => isMeant(customerId) && this.has(customerId));
    for (const customerId of found) {
      const value = this.get(customerId);
      this.forget(customerId);
      if (value !== undefined) this.evict({ key: customerId, value });
    }
    return found.length;
  }

  makeRoom(): void {
    for (let left = evictions(this.size, this.memory.limits); left > 0; left--) this.evict(this.crowdOut());
  }

  /** The state records of this batch. */
  *records(): Generator<StateRecord> {
    for (const [customerId, registration] of this.changed()) {
      yield { key: REGISTRATION_PREFIX + customerId, value: registration === null ? null : encode(registration) };
    }
  }

  summary() {
    return {
      forgottenRegisteredUntilMs: this.forgottenRegisteredUntilMs,
      registrationsLeftAtMs: this.leftAt(),
    };
  }

  override fold(): void {
    super.fold();
    this.memory.forgottenRegisteredUntilMs = this.forgottenRegisteredUntilMs;
  }

  /** Raises the horizon by a customer who has left. One who registered ahead of the order counts as registered then. */
  private evict(left: Entry<Registration> | undefined): void {
    if (left === undefined) return;
    const { registeredAt, learnedAtMs } = left.value;
    this.forgetRegisteredUntil(Math.min(Math.floor(timestampMicros(registeredAt) / 1000), learnedAtMs));
  }
}

const encode = ({ registeredAt, learnedAtMs, certain }: Registration): string =>
  JSON.stringify({ v: STATE_VERSION, registeredAt, learnedAtMs, certain });

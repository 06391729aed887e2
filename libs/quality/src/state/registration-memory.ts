import { evictions } from './bounded';
import { BoundedMap, BoundedMapOverlay } from './bounded-map';
import { decodeStateRecord, STATE_VERSION, type StateRecord } from './state-record';

export interface RegistrationLimits {
  /** Per partition. */
  readonly maxEntries: number;
}

/** Default bound of the memory of registrations. */
export const REGISTRATION_LIMITS: RegistrationLimits = { maxEntries: 40_000 };

export const REGISTRATION_PREFIX = 'registration/';

interface Registration {
  /** customer_registered_at of the first accepted order.placed of the customer. */
  readonly registeredAt: string;
}

/**
 * Remembers when customers registered, as committed.
 *
 * - What: for each customer the first customer_registered_at that was accepted.
 * - How much: `limits`, by default `REGISTRATION_LIMITS`: by count alone, the oldest leave first.
 * - How it is written: one record per customer, `registration/<customer_id>`, deleted when the customer leaves.
 */
export class RegistrationMemory extends BoundedMap<Registration> {
  constructor(limits: RegistrationLimits) {
    super({ ...limits, windowMs: Infinity }, () => 0);
  }

  /** @throws StateUnreadableError if the value cannot be read. */
  restoreRecord(key: Buffer, value: Buffer | null): void {
    // A copy: a slice of the key's text would retain the whole text for as long as the customer is remembered.
    const customerId = key.toString('utf8', REGISTRATION_PREFIX.length);
    this.entries.delete(customerId);
    if (value === null) return;
    this.entries.set(
      customerId,
      decodeStateRecord(key.toString(), value.toString(), (fields) => ({ registeredAt: fields.text('registeredAt') })),
    );
  }
}

/** The changes of an open batch on top of a `RegistrationMemory`. */
export class RegistrationMemoryOverlay extends BoundedMapOverlay<Registration> {
  constructor(private readonly memory: RegistrationMemory) {
    super(memory);
  }

  makeRoom(): void {
    for (let left = evictions(this.size, this.memory.limits); left > 0; left--) this.crowdOut();
  }

  /** The state records of this batch. */
  *records(): Generator<StateRecord> {
    for (const [customerId, registration] of this.changed()) {
      yield { key: REGISTRATION_PREFIX + customerId, value: registration === null ? null : encode(registration) };
    }
  }
}

const encode = ({ registeredAt }: Registration): string => JSON.stringify({ v: STATE_VERSION, registeredAt });

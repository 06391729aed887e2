import { createHash } from 'node:crypto';
import { customerHash } from '@orderstream/contracts';

/** What was done in one place that has data of customers. */
export interface ErasureStep {
  /** `state`: of a service, in a compacted topic. */
  readonly kind: 'table' | 'topic' | 'state';
  readonly name: string;
  /**
   * `done`: nothing of the customer is left. `waiting`: something is left, or not known to be gone, and it is retried. `retained`: what is there leaves by
   * itself. `absent`: there is no such table.
   */
  readonly state: 'done' | 'waiting' | 'retained' | 'absent';
  /** Rows of the customer; of a topic it is not counted. */
  readonly found?: number;
  /** Rows that were deleted, or of which the personal data was replaced; entries of a state that were removed. */
  readonly erased?: number;
  /** When the last of it is gone; null: not by time. */
  readonly remainingUntil?: string | null;
  readonly note?: string;
}

export type ErasureState = 'running' | 'finished' | 'incomplete';

/** The erasure of a customer, and its receipt. It has a hash of the customer's id, and never the id. */
export interface Erasure {
  readonly id: string;
  readonly customer: string;
  readonly state: ErasureState;
  /** The console that has written this; another one takes over when it is silent. */
  readonly worker: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Rows that BigQuery cannot delete yet are retried until then. */
  readonly deadline: string;
  readonly steps: readonly ErasureStep[];
}

const ID_DIGITS = 32;
/** Every customer id is one: the contracts say so. */
const CUSTOMER_IDS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/** The id of the erasure that an idempotency key creates: a repetition finds it, in any console. */
export const erasureId = (idempotencyKey: string): string =>
  createHash('sha256').update(`erasure ${idempotencyKey}`).digest('hex').slice(0, ID_DIGITS);

/** Whether a text has the id of a customer with one of these hashes. */
export function mentions(text: string, hashes: ReadonlySet<string>): boolean {
  for (const [id] of text.matchAll(CUSTOMER_IDS)) if (hashes.has(customerHash(id))) return true;
  return false;
}

import type { RuleCode } from '@orderstream/contracts';

/** One thing that is wrong with a record. */
export interface Reason {
  readonly code: RuleCode;
  /** Field of the body, name of the header, or `key` / `value`. */
  readonly path?: string;
  /** Name of the constraint that does not hold. */
  readonly constraint?: string;
}

/** Something of the catalog that a record refers to. */
export interface Reference {
  readonly entity: 'vendor' | 'product';
  readonly id: string;
}

/**
 * What the rules say of one record.
 * - `accept`: passed on as it is; `flags` are marks, in the order of the rules.
 * - `repair`: `body` replaces the record's; `flags` name the repairs and the marks.
 * - `skip`: a redelivery; counted, not passed on.
 * - `reject`: all reasons, in the order of the rules.
 * - `wait`: the catalog that was read does not agree with the record. Evaluate again, with `catalogComplete`, once all
 *   that was announced before the record was received has been read.
 */
export type Verdict =
  | { readonly kind: 'accept'; readonly flags: readonly RuleCode[] }
  | {
      readonly kind: 'repair';
      readonly flags: readonly RuleCode[];
      readonly body: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'skip'; readonly rule: RuleCode }
  | { readonly kind: 'reject'; readonly reasons: readonly Reason[] }
  | { readonly kind: 'wait'; readonly missing: readonly Reference[] };

/** A record as the log has it. Structurally a `KafkaRecord`; header values may be text where no log was crossed. */
export interface RawRecord {
  readonly partition: number;
  /** Append time in milliseconds since the epoch: the rules' "now". */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string | (Buffer | string)[] | null | undefined>>;
}

import type { RuleCode } from '@orderstream/contracts';

/** One problem of a record. */
export interface Reason {
  readonly code: RuleCode;
  /** Field of the body, name of the header, or `key`, `value`, `headers`, `record`. */
  readonly path?: string;
  /** Name of the violated constraint, and what was expected and found: `<name>: expected <…>, found <…>`. */
  readonly constraint?: string;
}

/** A vendor or product of the catalog that a record refers to. */
export interface Reference {
  readonly entity: 'vendor' | 'product';
  readonly id: string;
}

/**
 * The result of evaluating one record.
 * - `accept`: the record continues unchanged; `flags` in the order of the rules.
 * - `repair`: `body` replaces the record's body; `flags` in the order of the rules, the repairs among them.
 * - `skip`: the record is counted and does not continue.
 * - `reject`: the record becomes a dead letter; all reasons, in the order of the rules.
 * - `wait`: the catalog, as far as it was read, contradicts the record. Evaluate it again with `catalogComplete` when
 *   everything that was announced before the record was received has been read.
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

/**
 * A record of the input. A `KafkaRecord` has this shape; header values may also be text, for records built in memory.
 */
export interface RawRecord {
  readonly partition: number;
  /** Append time in milliseconds since the epoch: "now" for the rules. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<
    Record<string, Buffer | string | (Buffer | string | null | undefined)[] | null | undefined>
  >;
}

import { type ExpectedOutcome, type Family, type RuleCode } from '@orderstream/contracts';

/** A record as a producer sends it. */
export interface SimulatedRecord {
  /** Number of the event in its segment. It never decreases from one record to the next. */
  readonly n: number;
  /** 0: the event as it is. From 1 on: the records that follow it, such as defects and redeliveries. */
  readonly copy: number;
  readonly family: Family;
  /** That of the key (murmur2), unless the defect is a wrong one. */
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** With `simulation-id`: `<segment id>:<n>.<copy>`. No two records of a segment have the same one. */
  readonly headers: Readonly<Record<string, string | Buffer>>;
  /** When it is sent, microseconds since 1970. It never decreases from one record to the next. */
  readonly emittedMicros: number;
  readonly intent: Intent;
}

/** What the rules must find in a record. `expectedVerdict` computes the verdict from it. */
export interface Intent {
  /** Name of the defect or the near miss; null for an event as it is. */
  readonly defect: string | null;
  /** Of its first occurrence, for an append time near `emittedMicros`. */
  readonly expected: ExpectedOutcome;
  /** The rules that fire whatever the append time is, in the order of `RULE_CODES`. */
  readonly rules: readonly RuleCode[];
  /** When the event occurred, microseconds since 1970. */
  readonly occurredMicros: number;
  /** The latest time of the body, repaired where the rules repair it: no time may be in the future. */
  readonly latestMicros: number;
}

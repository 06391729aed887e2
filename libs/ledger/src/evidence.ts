import { type Family } from '@orderstream/contracts';

/** A record of a raw partition. */
export interface RawRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly sha256: string;
  /** Its ledger-seq header, if it has a valid one. */
  readonly seq: number | undefined;
  /** (ce_source, ce_id) as one text; empty if the record lacks them. */
  readonly identity: string;
}

/** A record of a validated partition. */
export interface ValidatedRecord extends RawRecord {
  readonly eventId: string;
  /** Codes of the rules that flagged or repaired it. */
  readonly flags: readonly string[];
}

/** A dead letter, tied to its source by the coordinates in its headers. */
export interface DeadLetterRecord {
  readonly sourceOffset: number;
  readonly reason: string;
  readonly sha256: string;
}

/** A row of a stream table. */
export interface TableRow {
  readonly offset: number;
  readonly eventId: string;
}

/**
 * All that can be found of one input partition between two moments at which the validator had committed: what came in, what
 * became of it, and what the tables hold of that. Every list in the order of its log, tables by offset.
 */
export interface PartitionEvidence {
  readonly family: Family;
  readonly rawTopic: string;
  readonly partition: number;
  readonly raw: readonly RawRecord[];
  readonly validated: readonly ValidatedRecord[];
  readonly deadLetters: readonly DeadLetterRecord[];
  readonly table: string;
  /** Offset of the validated partition below which everything is settled, as the sink had committed before `rows` were read. */
  readonly settled: number;
  readonly rows: readonly TableRow[];
  /** Offsets that the sink rejected. */
  readonly rejectedBySink: readonly number[];
  /** Deliveries by offset of `streaming_orders`; undefined for families that do not go there. */
  readonly streaming:
    { readonly deliveries: ReadonlyMap<number, number>; readonly rejected: readonly number[] } | undefined;
}

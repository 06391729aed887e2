import { type Family } from '@orderstream/contracts';
import { type RowContent } from './row-content';

/** A record of a raw partition. */
export interface RawRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly sha256: string;
  /** The value of its header simulation-id; undefined if it has none. */
  readonly simulationId: string | undefined;
  /** (ce_source, ce_id) as one text; empty if the record lacks them. */
  readonly identity: string;
}

/** Equal for a raw record and its validated record, different for any two other records with a simulation-id. */
export function linkOf({ simulationId, identity, timestamp }: RawRecord): string {
  return `${simulationId ?? ''}\u0000${identity}\u0000${String(timestamp)}`;
}

/** A record of a validated partition. */
export interface ValidatedRecord extends RawRecord {
  readonly eventId: string;
  /** Codes of the rules that flagged or repaired it. */
  readonly flags: readonly string[];
  /** What the row must hold. */
  readonly content: RowContent;
}

/** A dead letter, with the coordinates of its source from its headers. */
export interface DeadLetterRecord {
  readonly sourceOffset: number;
  readonly attempt: number;
  readonly reason: string;
  /** Codes of all reasons, each once, the first one first. */
  readonly rules: readonly string[];
  readonly sha256: string;
}

/** A record batch that could not be decoded and that an operator has skipped, as its dead letter has it. */
export interface SkippedBatch {
  readonly topic: string;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly records: number;
}

/** A row of a stream table. */
export interface TableRow {
  readonly offset: number;
  readonly eventId: string;
  readonly content: RowContent;
  /** A replay has returned its record to the sink after it was rejected. */
  readonly isReplayed?: boolean;
}

/**
 * One input partition between two snapshots: its records, the validator's outputs, and the rows of the tables. Lists have
 * the order of their log, rows the order of their offsets.
 */
export interface PartitionEvidence {
  readonly family: Family;
  readonly rawTopic: string;
  /** Number of the raw topic's log, from 0: each time the topic is re-created, a new one begins. */
  readonly log: number;
  readonly partition: number;
  readonly raw: readonly RawRecord[];
  readonly validated: readonly ValidatedRecord[];
  readonly deadLetters: readonly DeadLetterRecord[];
  readonly table: string;
  /** The sink's committed offset in the validated partition, read before `rows`. */
  readonly sinkCommitted: number;
  readonly rows: readonly TableRow[];
  /** Validated offsets of the records that the sink rejected for the first time. */
  readonly rejectedBySink: readonly number[];
  /** Of the raw and of the validated partition. */
  readonly skippedBatches: readonly SkippedBatch[];
  /** The rows of `streaming_orders` by validated offset, one for each delivery; undefined for other families than orders. */
  readonly streaming:
    | { readonly deliveries: ReadonlyMap<number, readonly RowContent[]>; readonly rejected: readonly number[] }
    | undefined;
}

import type { RuleCode } from './rules';

/** Header with the sequence number of a record's ledger entry, in decimal digits. Only generated records have it. */
export const LEDGER_SEQ_HEADER = 'ledger-seq';

/** The verdict that the pipeline must give a record. */
export type ExpectedOutcome = 'accept' | 'repair' | 'skip' | `reject:${RuleCode}`;

/** An intent is written before its record is sent. Once acknowledged the record must be in its topic; until then it may be. */
export interface LedgerIntent {
  /** Sequence number, from 0, never used twice. */
  readonly seq: number;
  readonly topic: string;
  readonly partition: number;
  /** sha256 hex of the value's bytes (of no bytes for a tombstone). */
  readonly sha256: string;
  /** Name of the planted defect, or null. */
  readonly defect: string | null;
  readonly expected: ExpectedOutcome;
}

/** One line of the ledger (NDJSON). The intents of a batch precede its acks. Batches are numbered from 0 in each run. */
export type LedgerLine =
  | {
      readonly kind: 'run';
      readonly run: string;
      readonly startedAt: string;
      readonly firstSeq: number;
      readonly seed: number;
    }
  | {
      readonly kind: 'intents';
      readonly run: string;
      readonly batch: number;
      readonly intents: readonly LedgerIntent[];
    }
  | { readonly kind: 'acks'; readonly run: string; readonly batch: number; readonly acks: readonly LedgerAck[] };

/** The broker's acknowledgement of the records of one batch in one partition, in the order of their intents. */
export interface LedgerAck {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

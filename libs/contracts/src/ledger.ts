import type { RuleCode } from './rules';

/** Header that ties a record to its ledger entry; decimal digits. Simulated records only. */
export const LEDGER_SEQ_HEADER = 'ledger-seq';

/** What the pipeline must do with a record: the verdict that the generator meant it to get. */
export type ExpectedOutcome = 'accept' | 'repair' | 'skip' | `reject:${RuleCode}`;

/** Intent: written before the record is sent. Once acked it must be found; until then it may be. */
export interface LedgerIntent {
  /** Position in the generator's sequence, from 0, never used twice. */
  readonly seq: number;
  readonly topic: string;
  readonly partition: number;
  /** sha256 hex of the value's bytes (of no bytes for a tombstone). */
  readonly sha256: string;
  /** Name of the defect that was put in, or null for a good record. */
  readonly defect: string | null;
  readonly expected: ExpectedOutcome;
}

/** One line of the ledger, as NDJSON. A batch's intents come before its acks; batches of one run are numbered from 0. */
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

/** The broker's answer for the records of one batch that went to one partition, in the order of their intents. */
export interface LedgerAck {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

import { createHash } from 'node:crypto';
import { type ExpectedOutcome, type LedgerIntent } from '@orderstream/contracts';
import { type Accounts } from '../src/accounts';
import { Comparison, type ComparisonOptions } from '../src/compare';
import { type PartitionEvidence } from '../src/evidence';
import { RunLedger } from '../src/run-ledger';

export const TOPIC = 'marketplace.orders.raw.v1';
export const PARTITION = 3;
export const FIRST_SEQ = 1_000;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
export type MutableEvidence = Mutable<Omit<PartitionEvidence, 'streaming'>> & {
  streaming: { deliveries: Map<number, number>; rejected: number[] };
};

export interface Run {
  readonly evidence: MutableEvidence;
  readonly ledger: RunLedger;
}

/**
 * A run without any difference: one raw record per outcome, `foreign` for an accepted record that is not in the ledger.
 * Record i has raw offset 50 + i; its output, if it is validated, has offset 700 + 2 i.
 */
export function runOf(outcomes: readonly (ExpectedOutcome | 'foreign')[]): Run {
  const ledger = new RunLedger();
  const intents: LedgerIntent[] = [];
  const evidence: MutableEvidence = {
    family: 'orders',
    rawTopic: TOPIC,
    log: 0,
    partition: PARTITION,
    raw: [],
    validated: [],
    deadLetters: [],
    table: 'order_events',
    sinkCommitted: 0,
    rows: [],
    rejectedBySink: [],
    skippedBatches: [],
    streaming: { deliveries: new Map(), rejected: [] },
  };
  outcomes.forEach((outcome, i) => {
    const body = sha256(`body ${String(i)}`);
    const eventId = `event-${String(i)}`;
    const seq = outcome === 'foreign' ? undefined : FIRST_SEQ + intents.length;
    // Two records have the same millisecond. Validated offsets have gaps, as transaction markers leave them.
    const raw = {
      offset: 50 + i,
      timestamp: 9_000 + Math.floor(i / 2),
      sha256: body,
      seq,
      identity: `shop ${eventId}`,
    };
    evidence.raw.push(raw);
    if (seq !== undefined && outcome !== 'foreign') {
      intents.push({ seq, topic: TOPIC, partition: PARTITION, sha256: body, defect: null, expected: outcome });
    }
    if (outcome.startsWith('reject:')) {
      evidence.deadLetters.push({ sourceOffset: raw.offset, reason: outcome.slice('reject:'.length), sha256: body });
    } else if (outcome !== 'skip') {
      const offset = 700 + 2 * i;
      const repaired = outcome === 'repair';
      const bytes = repaired ? sha256(`repaired ${String(i)}`) : body;
      evidence.validated.push({ ...raw, offset, sha256: bytes, eventId, flags: repaired ? ['drift.vendor'] : [] });
      evidence.rows.push({ offset, eventId });
      evidence.streaming.deliveries.set(offset, 1);
    }
  });
  ledger.add({ kind: 'run', run: 'r', startedAt: '2026-01-02T03:04:05.678Z', firstSeq: FIRST_SEQ, seed: 1 });
  ledger.add({ kind: 'intents', run: 'r', batch: 0, intents });
  const acks = [{ topic: TOPIC, partition: PARTITION, baseOffset: 50, count: intents.length }];
  ledger.add({ kind: 'acks', run: 'r', batch: 0, acks });
  return { evidence, ledger };
}

export function compare({ evidence, ledger }: Run, options?: ComparisonOptions): Accounts {
  const comparison = new Comparison(ledger, options);
  comparison.add(evidence);
  return comparison.finish();
}

/** Counts that are 0 when every record is where it must be, with the given ones in their place. */
export const differences = (expected: Partial<Accounts> = {}): Partial<Accounts> => ({
  missing: 0,
  duplicated: 0,
  unexplained: 0,
  outOfOrder: 0,
  wrongVerdicts: 0,
  rejected: 0,
  ...expected,
});

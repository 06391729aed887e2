import { createHash } from 'node:crypto';
import { type ExpectedOutcome, type RuleCode } from '@orderstream/contracts';
import { type Intent, type JournaledSegment, type Scenario, type SimulatedRecord } from '@orderstream/simulation';
import { type Accounts } from '../src/accounts';
import { Comparison, type ComparisonOptions } from '../src/compare';
import { type DeadLetterRecord, type PartitionEvidence } from '../src/evidence';
import { ExpectedRecords } from '../src/expected-records';
import { contentOfBody, type RowContent } from '../src/row-content';

export const TOPIC = 'marketplace.orders.raw.v1';
export const PARTITION = 3;
/** Number of the event of the first record. */
export const FIRST_EVENT = 1_000;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
export type MutableEvidence = Mutable<Omit<PartitionEvidence, 'streaming'>> & {
  streaming: { deliveries: Map<number, RowContent[]>; rejected: number[] };
};

export interface Run {
  readonly evidence: MutableEvidence;
  readonly expected: ExpectedRecords;
  readonly segment: JournaledSegment;
}

const BODY = { event_id: 'e', event_type: 'order.placed', item_price: '12.50', vendor_name: 'Shop', item_quantity: 2 };

export const contentOf = (fields: object): RowContent =>
  contentOfBody('orders', Buffer.from(JSON.stringify({ ...BODY, ...fields })));

/** What each row of a run holds. */
export const CONTENT = contentOf({});

/** Number of the first record of a run in its segment: the ones before are of an earlier run. */
export const FIRST_NUMBER = 100;

/** A segment whose records are all acknowledged. */
const segmentOf = (): JournaledSegment => ({
  id: 's-1',
  seed: '1',
  scenario: {} as Scenario,
  simulationVersion: 1,
  startMs: 0,
  rates: [],
  defectRate: 0,
  firstSeq: 0,
  announcements: 0,
  follows: false,
  resumed: [],
  acknowledged: 0,
  reserved: 0,
  isEnded: false,
});

/** The intent of a record with this outcome, whose times break no rule at the append times of a run. */
const intentOf = (expected: ExpectedOutcome): Intent => {
  const rules: Readonly<Partial<Record<string, RuleCode>>> = { repair: 'drift.vendor', skip: 'duplicate.event' };
  const rule = expected.startsWith('reject:') ? (expected.slice('reject:'.length) as RuleCode) : rules[expected];
  return { defect: null, expected, rules: rule === undefined ? [] : [rule], occurredMicros: 0, latestMicros: 0 };
};

export const recordOf = (n: number, value: Buffer, expected: ExpectedOutcome): SimulatedRecord => ({
  n,
  copy: 0,
  family: 'orders',
  partition: PARTITION,
  key: null,
  value,
  headers: {},
  emittedMicros: 0,
  intent: intentOf(expected),
});

/**
 * A run without any difference: one raw record per outcome, `foreign` for an accepted record that is not of the journal.
 * Record i has raw offset 50 + i; its output, if it is validated, has offset 700 + 2 i.
 */
export function runOf(outcomes: readonly (ExpectedOutcome | 'foreign')[]): Run {
  const expected = new ExpectedRecords();
  const segment = segmentOf();
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
    const value = Buffer.from(`body ${String(i)}`);
    const body = sha256(value.toString());
    const eventId = `event-${String(i)}`;
    const number = expected.count;
    const n = FIRST_EVENT + number;
    const simulationId = outcome === 'foreign' ? undefined : `${segment.id}:${String(n)}.0`;
    // Two records have the same millisecond. Validated offsets have gaps, as transaction markers leave them.
    const raw = {
      offset: 50 + i,
      timestamp: 9_000 + Math.floor(i / 2),
      sha256: body,
      simulationId,
      identity: `shop ${eventId}`,
    };
    evidence.raw.push(raw);
    if (outcome !== 'foreign') {
      expected.add(segment, FIRST_NUMBER + number, recordOf(n, value, outcome));
      segment.acknowledged = segment.reserved = FIRST_NUMBER + expected.count;
    }
    if (outcome.startsWith('reject:')) {
      evidence.deadLetters.push(letterOf(raw.offset, outcome.slice('reject:'.length), body));
    } else if (outcome !== 'skip') {
      const offset = 700 + 2 * i;
      const repaired = outcome === 'repair';
      const bytes = repaired ? sha256(`repaired ${String(i)}`) : body;
      evidence.validated.push({
        ...raw,
        offset,
        sha256: bytes,
        eventId,
        flags: repaired ? ['drift.vendor'] : [],
        content: CONTENT,
      });
      evidence.rows.push({ offset, eventId, content: CONTENT });
      evidence.streaming.deliveries.set(offset, [CONTENT]);
    }
  });
  return { evidence, expected, segment };
}

export function compare(
  { evidence, expected }: Pick<Run, 'evidence' | 'expected'>,
  options?: ComparisonOptions,
): Accounts {
  const comparison = new Comparison(expected, options);
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

/** A dead letter with one reason. */
export const letterOf = (sourceOffset: number, reason: string, hash: string): DeadLetterRecord => ({
  sourceOffset,
  attempt: 1,
  reason,
  rules: [reason],
  sha256: hash,
});

import { PARTITIONS } from '@orderstream/contracts';
import { type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import { type Receipt, type ReceiptOutcome } from './plan';
import { type PlanEvent } from './plan-events';

/** A record of the topic of the plans. */
export type ReplayRecord = PlanEvent | StoredReceipt;

/** Partition of the receipts of a partition of letters. Topics of other programs can have more of these than there are. */
export const receiptPartition = (partition: number): number => partition % PARTITIONS;

/** A receipt, in the partition of the letter's number: see `receiptPartition`. */
export interface StoredReceipt extends Receipt {
  readonly kind: 'receipt';
  readonly plan: string;
}

const OUTCOMES: readonly string[] = ['returned', 'parked', 'skipped', 'rejected'] satisfies ReceiptOutcome[];

export const encodeReplayRecord = (topic: string, partition: number, record: ReplayRecord): OutputRecord => ({
  topic,
  partition,
  key: Buffer.from(record.plan),
  value: Buffer.from(JSON.stringify(record)),
  headers: {},
});

/** Undefined for a record that is not one of the plans. */
export function decodeReplayRecord({ value }: Pick<KafkaRecord, 'value'>): ReplayRecord | undefined {
  if (value === null) return undefined;
  try {
    const record = JSON.parse(value.toString('utf8')) as Readonly<Record<string, unknown>> | null;
    if (record === null || typeof record !== 'object' || typeof record.plan !== 'string') return undefined;
    const isReceipt =
      record.kind === 'receipt' && typeof record.letter === 'string' && OUTCOMES.includes(String(record.outcome));
    const isEvent = ['created', 'changed', 'chosen', 'beat'].includes(String(record.kind));
    return isReceipt || isEvent ? (record as unknown as ReplayRecord) : undefined;
  } catch {
    // Not JSON.
    return undefined;
  }
}

export const letterName = (topic: string, partition: number, offset: number): string =>
  `${topic}/${String(partition)}/${String(offset)}`;

/** The offset of the letter of a receipt, if it is one of this partition. */
export function offsetIn(topic: string, partition: number, letter: string): number | undefined {
  const prefix = letterName(topic, partition, 0).slice(0, -1);
  if (!letter.startsWith(prefix)) return undefined;
  const offset = Number(letter.slice(prefix.length));
  return Number.isSafeInteger(offset) ? offset : undefined;
}

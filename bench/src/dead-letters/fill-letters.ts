import { createHash } from 'node:crypto';
import {
  envelopeHeaders,
  EVENT_CONTRACTS,
  exampleOf,
  partitionFor,
  PARTITIONS,
  rawTopic,
} from '@orderstream/contracts';
import { buildDeadLetter, type DeadLetterReason } from '@orderstream/dead-letters';
import { type OutputRecord, RecordProducer } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

const SOURCE = rawTopic('orders');
const BATCH = 2_000;
const MAX_REQUEST_BYTES = 3_000_000;
const CUSTOMERS = 50_000;
const DAYS_MS = 3 * 86_400_000;

/** What fails, how often (of 100), and the type of the event. */
const FAILURES: readonly (readonly [share: number, type: string, reason: DeadLetterReason])[] = [
  [55, 'order.placed', { code: 'reference.unknown_vendor', path: 'vendor_id' }],
  [20, 'order.paid', { code: 'lifecycle.unknown_order', path: 'order_id' }],
  [10, 'order.shipped', { code: 'lifecycle.illegal_transition', path: 'order_id' }],
  [8, 'order.placed', { code: 'structure.invalid_field', path: 'item_price', constraint: 'money' }],
  [4, 'order.placed', { code: 'structure.invalid_field', path: 'item_quantity', constraint: 'max' }],
  [3, 'order.placed', { code: 'duplicate.order' }],
];

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Fills the dead-letter topic of the orders' validator. @returns the number of bytes of keys, values and headers */
export async function fillLetters(kafka: Kafka, letters: number): Promise<number> {
  const producer = new RecordProducer(kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
  const build = new LetterBuilder(letters);
  let bytes = 0;
  try {
    for (let from = 0; from < letters; from += BATCH) {
      const records = Array.from({ length: Math.min(BATCH, letters - from) }, (_, at) => build.letter(from + at));
      for (const record of records) bytes += sizeOf(record);
      await producer.send(records);
    }
  } finally {
    await producer.disconnect();
  }
  return bytes;
}

class LetterBuilder {
  private readonly offsets = new Array<number>(PARTITIONS).fill(0);
  private readonly beginMs = Date.now() - DAYS_MS;
  private readonly examples = new Map(FAILURES.map(([, type]) => [type, example(type)]));

  constructor(private readonly letters: number) {}

  letter(number: number): OutputRecord {
    const [type, reason] = failureOf(number % 100);
    const customerId = sha(`customer ${String(number % CUSTOMERS)}`);
    const at = new Date(this.beginMs + Math.floor((number / this.letters) * DAYS_MS));
    const id = sha(`event ${String(number)}`).slice(0, 32);
    const body = {
      ...this.examples.get(type),
      event_id: id,
      occurred_at: at.toISOString(),
      customer_id: customerId,
      order_id: sha(`order ${String(number)}`),
      ...(type === 'order.placed' ? { item_quantity: 1 + (number % 1_000) } : {}),
    };
    const key = Buffer.from(customerId);
    const partition = partitionFor(key, PARTITIONS);
    const offset = this.offsets[partition] ?? 0;
    this.offsets[partition] = offset + 1;
    const headers = envelopeHeaders({ id, type, source: 'bench', time: at.toISOString(), subject: customerId });
    const record = { topic: SOURCE, partition, offset, timestamp: at.getTime(), key, headers };
    return buildDeadLetter(
      { ...record, value: Buffer.from(JSON.stringify(body)) },
      { app: 'validator', reasons: [reason], failedAt: at },
    );
  }
}

function failureOf(percent: number): readonly [type: string, reason: DeadLetterReason] {
  let sum = 0;
  for (const [share, type, reason] of FAILURES) if (percent < (sum += share)) return [type, reason];
  throw new RangeError(`the shares of the failures are below ${String(percent)} %`);
}

function example(type: string): Readonly<Record<string, unknown>> {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) throw new TypeError(`there is no event ${type}`);
  return exampleOf(contract);
}

const sizeOf = ({ key, value, headers }: OutputRecord): number =>
  (key?.length ?? 0) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + String(text ?? '').length, 0);

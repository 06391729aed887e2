import { AUDIT_TOPIC } from '@orderstream/contracts';
import { type KafkaRecord, type RecordBatch, RecordProducer, TopicFollower } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { type AuditEntry, BEGUN } from '@orderstream/service';
import { type Kafka } from 'kafkajs';
import { z } from 'zod';
import { type Erasure } from './erasure';

/** Of the entries, beside the id of the erasure as the subject. */
export const ERASURE = 'erasure';
const SUBJECT = 'erasure.';
export const subjectOf = (id: string): string => SUBJECT + id;
/** The topic has one partition. */
const PARTITION = 0;
const MAX_REQUEST_BYTES = 1_000_000;
const READ_BACK_TIMEOUT_MS = 30_000;
/** Erasures that are listed. Older ones stand in the audit. */
const MAX_ERASURES = 1_000;

const stepSchema = z.object({
  kind: z.enum(['table', 'topic', 'state']),
  name: z.string(),
  state: z.enum(['done', 'waiting', 'retained', 'absent']),
  found: z.number().exactOptional(),
  erased: z.number().exactOptional(),
  remainingUntil: z.string().nullable().exactOptional(),
  note: z.string().exactOptional(),
});
const erasureSchema = z.object({
  id: z.string(),
  customer: z.string(),
  state: z.enum(['running', 'finished', 'incomplete']),
  worker: z.string(),
  createdBy: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  deadline: z.string(),
  steps: z.array(stepSchema),
});
const entrySchema = z.object({ action: z.literal(ERASURE), subject: z.string(), after: erasureSchema });

/**
 * The record of the erasures: entries of the audit, each with the whole receipt as it is then. The last one of an erasure
 * counts; nothing follows the one that ends it.
 *
 * Failure semantics: `append` resolves when the entry was read back. Killed before, it is in the topic or not, and every
 * console that reads the topic has the same erasures. Of two creations with one id the first in the topic counts.
 */
export class ErasureLog {
  private readonly erasures = new Map<string, Erasure>();
  private readonly follower: TopicFollower;
  private readonly producer: RecordProducer;

  constructor(kafka: Kafka, logger: Logger, onChange: (erasure: Erasure) => void) {
    this.follower = new TopicFollower(kafka, {
      topic: AUDIT_TOPIC,
      onBatch: (batch) => {
        this.take(batch, onChange);
      },
      logger,
    });
    this.producer = new RecordProducer(kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
  }

  async open(): Promise<void> {
    await this.follower.start();
    await this.follower.waitUntilCaughtUp();
  }

  async close(): Promise<void> {
    await this.follower.stop();
    await this.producer.disconnect();
  }

  /** The error that stopped the reading. Only a restart helps. */
  get failed(): Error | undefined {
    return this.follower.failed;
  }

  find(id: string): Erasure | undefined {
    return this.erasures.get(id);
  }

  /** The latest first. */
  all(): readonly Erasure[] {
    return [...this.erasures.values()].reverse();
  }

  /** @throws an error of Kafka: the entry may be stored or not */
  async append(erasure: Erasure, by: Pick<AuditEntry, 'actor' | 'role' | 'requestId'>): Promise<void> {
    const entry: AuditEntry = {
      ...by,
      at: erasure.updatedAt,
      action: ERASURE,
      subject: subjectOf(erasure.id),
      after: erasure,
      status: erasure.state === 'running' ? BEGUN : erasure.state === 'finished' ? 200 : 500,
      service: 'console',
    };
    const value = Buffer.from(JSON.stringify(entry));
    const [sent] = await this.producer.send([
      { topic: AUDIT_TOPIC, partition: PARTITION, key: null, value, headers: {} },
    ]);
    if (sent !== undefined) await this.follower.waitForOffset(PARTITION, sent.baseOffset + 1, READ_BACK_TIMEOUT_MS);
  }

  private take({ records }: RecordBatch, onChange: (erasure: Erasure) => void): void {
    for (const record of records) {
      const erasure = erasureOf(record);
      if (erasure === undefined) continue;
      const before = this.erasures.get(erasure.id);
      if (before !== undefined && (before.state !== 'running' || before.customer !== erasure.customer)) continue;
      this.erasures.set(erasure.id, erasure);
      for (const [oldest, { state }] of this.erasures) {
        if (this.erasures.size <= MAX_ERASURES) break;
        if (state !== 'running') this.erasures.delete(oldest);
      }
      onChange(erasure);
    }
  }
}

/** Undefined for any other entry of the audit. */
function erasureOf({ value }: KafkaRecord): Erasure | undefined {
  const text = value?.toString('utf8') ?? '';
  // Most entries are others: they are not parsed.
  if (!text.includes(SUBJECT)) return undefined;
  try {
    return entrySchema.safeParse(JSON.parse(text)).data?.after;
  } catch {
    // Any program can write to a topic.
    return undefined;
  }
}

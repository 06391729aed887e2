import { randomUUID } from 'node:crypto';
import { PARTITIONS, partitionFor, type TopicSpec } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  fetchEndOffsets,
  type KafkaRecord,
  type OutputRecord,
  RecordProducer,
} from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { readCommitted } from '../../../test/support/read-committed';
import { buildDeadLetter } from '../src/build-dead-letter';
import { LetterIndex } from '../src/lookup/letter-index';
import { parseDeadLetter } from '../src/parse-dead-letter';
import { decodeReplayRecord, type StoredReceipt } from '../src/replay/receipts';
import { replayTopicOf, type ReplayTopic } from '../src/replay/replay-topic';

export const kafka = createKafka({
  brokers: (process.env.TEST_KAFKA_BROKERS ?? '').split(','),
  clientId: 'replay-spec',
});
export const logger = createLogger({ service: 'replay-spec', level: 'fatal' });

/** The topics of one test: a raw topic with its dead letters, and a record of plans. */
export class ReplayLog {
  readonly id = `replay-${randomUUID()}`;
  readonly source = `${this.id}.orders.raw.v1`;
  readonly replays = `${this.id}.replays`;
  readonly topic: ReplayTopic;
  readonly index = new LetterIndex(1_000_000);
  private readonly producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });

  constructor() {
    const topic = replayTopicOf(`${this.source}.dlq.validator`);
    if (topic === undefined) throw new TypeError('not a dead-letter topic');
    this.topic = topic;
  }

  async start(): Promise<void> {
    const names = [this.source, this.topic.topic, this.topic.parked, this.replays];
    const specs = names.map((name): TopicSpec => ({
      name,
      partitions: PARTITIONS,
      cleanup: 'delete',
      retentionMs: 86_400_000,
      maxMessageBytes: 1_048_576,
      timestamps: 'CreateTime',
    }));
    await ensureTopics(kafka, specs, { replication: 1 });
    await this.producer.connect();
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [this.source, this.topic.topic, this.topic.parked, this.replays] });
    await admin.disconnect();
  }

  send(records: readonly OutputRecord[]): Promise<unknown> {
    return this.producer.send(records);
  }

  /** Dead letters of these bodies, in their order, in the partitions of their keys. */
  async reject(
    bodies: readonly Readonly<Record<string, string>>[],
    code = 'reference.unknown_vendor',
    attempt = 1,
  ): Promise<void> {
    const records = bodies.map((body, number) => {
      const key = Buffer.from(body.customer_id ?? '');
      return {
        topic: this.source,
        partition: partitionFor(key),
        offset: number,
        timestamp: Date.now(),
        key,
        value: Buffer.from(JSON.stringify(body)),
        headers: {
          ce_id: body.event_id ?? '',
          ...(attempt > 1
            ? { 'dlq-attempt': String(attempt - 1), 'dlq-first-failed-at': '2026-01-01T00:00:00.000Z' }
            : {}),
        },
      };
    });
    const context = { app: 'validator', reasons: [{ code }], failedAt: new Date() } as const;
    await this.send(records.map((record) => ({ ...buildDeadLetter(record, context), topic: this.topic.topic })));
  }

  /** Rejects every returned record again, and commits their offsets, as the validator does. */
  async rejectAgain(): Promise<void> {
    const context = { app: 'validator', reasons: [{ code: 'again' }], failedAt: new Date() } as const;
    const returned = await this.read(this.source);
    await this.send(returned.map((record) => buildDeadLetter(record, context)));
    const admin = kafka.admin();
    await admin.connect();
    const ends = await fetchEndOffsets(admin, this.source);
    const partitions = ends.map((offset, partition) => ({ partition, offset: String(offset) }));
    await admin.setOffsets({ groupId: this.topic.groupId, topic: this.source, partitions });
    await admin.disconnect();
  }

  /** Reads the new letters into the index. */
  async caughtUp(): Promise<void> {
    const { topic } = this.topic;
    for (const partition of (await fetchEndOffsets(kafka, topic)).keys()) {
      const from = this.index.nextOffset(topic, partition);
      const { records } = await readCommitted(kafka, { topic, partition }, from);
      for (const record of records) this.index.add(parseDeadLetter(record));
    }
  }

  /** Committed records of all partitions, in the order of each. */
  async read(topic: string): Promise<KafkaRecord[]> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => readCommitted(kafka, { topic, partition }));
    return (await Promise.all(partitions)).flatMap(({ records }) => records);
  }

  async receipts(): Promise<StoredReceipt[]> {
    const records = (await this.read(this.replays)).map((record) => decodeReplayRecord(record));
    return records.flatMap((record) => (record?.kind === 'receipt' ? [record] : []));
  }
}

/** The numbers of the records of each key, in the order of the log. */
export function numbersByKey(records: readonly KafkaRecord[]): ReadonlyMap<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const { key, value } of records) {
    const { number } = JSON.parse(String(value)) as { readonly number: string };
    const name = String(key);
    numbers.set(name, [...(numbers.get(name) ?? []), Number(number)]);
  }
  return numbers;
}

/** Bodies of several keys, with a number each. */
export const someBodies = (count: number, keys = 50): Readonly<Record<string, string>>[] =>
  Array.from({ length: count }, (_, number) => ({
    event_id: `event-${String(number)}`,
    customer_id: `customer-${String(number % keys)}`,
    number: String(number),
  }));

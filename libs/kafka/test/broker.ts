import { randomUUID } from 'node:crypto';
import { type TopicSpec } from '@orderstream/contracts';
import { type Kafka } from 'kafkajs';
import { readCommitted } from '../../../test/support/read-committed';
import { createKafka, ensureTopics, type KafkaConnection, type KafkaRecord, type OutputRecord } from '../src';

// Each wait has its own deadline. This one is long enough for a busy machine.
jest.setTimeout(60_000);

/** Returns a new client of the broker that the test run provides, as another process would have one. */
export function testKafka(changes: Partial<KafkaConnection> = {}): Kafka {
  const brokers = process.env.TEST_KAFKA_BROKERS;
  if (brokers === undefined) throw new Error('TEST_KAFKA_BROKERS is not set');
  return createKafka({ brokers: brokers.split(','), clientId: 'kafka-int-spec', ...changes });
}

export const unique = (name: string): string => `test.kafka.${name}.${randomUUID().slice(0, 8)}`;

/** Creates topics for a spec; `remove` deletes them. */
export class TestTopics {
  private readonly names: string[] = [];
  constructor(private readonly kafka: Kafka) {}

  async create(name: string, partitions: number, changes: Partial<TopicSpec> = {}): Promise<string> {
    const spec: TopicSpec = {
      name: unique(name),
      partitions,
      cleanup: 'delete',
      retentionMs: 3_600_000,
      maxMessageBytes: 4 * 1_048_576,
      timestamps: 'CreateTime',
      ...changes,
    };
    await ensureTopics(this.kafka, [spec], { replication: 1 });
    this.names.push(spec.name);
    return spec.name;
  }

  async remove(): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: this.names });
    await admin.disconnect();
  }
}

export function output(topic: string, partition: number, value: string): OutputRecord {
  return { topic, partition, key: null, value: Buffer.from(value), headers: {} };
}

/** `count` records for each partition, with the values `from`, `from` + 1, … */
export function outputs(topic: string, partitions: number, count: number, from = 0, pad = ''): OutputRecord[] {
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: partitions }, (_, p) => output(topic, p, `${(from + i).toString()}${pad}`)),
  ).flat();
}

export const valueOf = (record: KafkaRecord): string => record.value?.toString() ?? '';

/** The values of the committed records of a partition, and the offset after them. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  partition: number,
): Promise<{ values: string[]; nextOffset: number }> {
  const { records, nextOffset } = await readCommitted(kafka, { topic, partition });
  return { values: records.map(valueOf), nextOffset };
}

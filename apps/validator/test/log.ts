import { type Family, PARTITIONS, stateTopic, TOPICS } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  fetchEnds,
  type KafkaRecord,
  type OutputRecord,
  RecordProducer,
} from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';
import { readCommitted } from '../../../test/support/read-committed';

export const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '127.0.0.1:29092';

const testKafka = (): Kafka => createKafka({ brokers: BROKERS.split(','), clientId: 'validator-test' });

/** The log as a test sees it: writes raw records, reads committed ones from where the test began. */
export class TestLog {
  readonly kafka = testKafka();
  private readonly producer = new RecordProducer(this.kafka, { maxRequestBytes: 4_200_000 });
  private readonly begins = new Map<string, readonly number[]>();

  async start(topics: readonly string[]): Promise<void> {
    await ensureTopics(this.kafka, TOPICS, { replication: 1 });
    await this.producer.connect();
    for (const topic of topics) this.begins.set(topic, await fetchEnds(this.kafka, topic));
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
  }

  /** Removes what an idle group has committed, as the broker does after a while. */
  async forgetGroup(groupId: string): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      await admin.deleteGroups([groupId]);
    } finally {
      await admin.disconnect();
    }
  }

  /** Moves a group without members to another offset of one partition, as an operator may. */
  async moveGroup(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      await admin.setOffsets({ groupId, topic, partitions: [{ partition, offset: String(offset) }] });
    } finally {
      await admin.disconnect();
    }
  }

  async send(...records: OutputRecord[]): Promise<void> {
    await this.producer.send(records);
  }

  /** Committed records of the partition since the test began. */
  async readOne(topic: string, partition: number): Promise<KafkaRecord[]> {
    const from = this.begins.get(topic)?.[partition] ?? 0;
    return (await readCommitted(this.kafka, { topic, partition }, from)).records;
  }

  /** Committed records of all partitions since the test began. */
  async read(topic: string): Promise<KafkaRecord[]> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => this.readOne(topic, partition));
    return (await Promise.all(partitions)).flat();
  }
}

/** A header's text. */
export const header = (record: KafkaRecord, name: string): string | undefined => {
  const value = record.headers[name];
  return value === undefined ? undefined : String(value);
};

/** A record of the state topic as a newer version would have written it. */
export const damaged = (family: Family, partition: number, key: string): OutputRecord => ({
  topic: stateTopic(family),
  partition,
  key: Buffer.from(key),
  value: Buffer.from('{"v":3}'),
  headers: {},
});

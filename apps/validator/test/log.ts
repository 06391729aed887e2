import { type Family, PARTITIONS, stateTopic, TOPICS } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  fetchCommittedOffsets,
  fetchEndOffsets,
  type KafkaRecord,
  type OutputRecord,
  RecordProducer,
} from '@orderstream/kafka';
import { waitUntil } from '@orderstream/deadlines';
import { type Admin, CompressionCodecs, CompressionTypes, ConfigResourceTypes, type Kafka } from 'kafkajs';
import { zstdCompressSync } from 'node:zlib';
import { readCommitted } from '../../../test/support/read-committed';

/** kafkajs has no zstd of its own. Its types do not say that a codec gets an encoder. */
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(zstdCompressSync(buffer)),
  decompress: () => Promise.reject(new Error('not used')),
});

export const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '127.0.0.1:29092';

const testKafka = (): Kafka => createKafka({ brokers: BROKERS.split(','), clientId: 'validator-test' });

/** Writes records, and reads the committed ones from where the test began. */
export class TestLog {
  readonly kafka = testKafka();
  private readonly producer = new RecordProducer(this.kafka, { maxRequestBytes: 4_200_000 });
  private readonly begins = new Map<string, readonly number[]>();

  async start(topics: readonly string[]): Promise<void> {
    await ensureTopics(this.kafka, TOPICS, { replication: 1 });
    await this.producer.connect();
    for (const topic of topics) this.begins.set(topic, await fetchEndOffsets(this.kafka, topic));
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
  }

  /** Removes the committed offsets of a group without members, as the broker does when they expire. */
  async deleteGroup(groupId: string): Promise<void> {
    await this.withAdmin((admin) => admin.deleteGroups([groupId]));
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await waitUntil(() => this.withAdmin(async (admin) => !(await admin.listTopics()).includes(topic)), {
      what: `${topic} to be deleted`,
      deadlineMs: 30_000,
    });
  }

  /** Removes the records of a topic, as its retention does. */
  async expire(topic: string): Promise<void> {
    const ends = await this.withAdmin(async (admin) => {
      // Also loads the metadata, without which kafkajs cannot delete.
      const found = await fetchEndOffsets(admin, topic);
      const partitions = found.map((end, partition) => ({ partition, offset: String(end) }));
      await admin.deleteTopicRecords({ topic, partitions });
      return found;
    });
    this.begins.set(topic, ends);
  }

  /** Sets the committed offset of a group without members, as an operator may. */
  async setCommittedOffset(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
    await this.withAdmin((admin) =>
      admin.setOffsets({ groupId, topic, partitions: [{ partition, offset: String(offset) }] }),
    );
  }

  /** Sets who stamps the records of a topic, as an operator may. The rest of its configuration is that of its spec. */
  async setTimestampType(topic: string, timestampType: string): Promise<void> {
    const spec = TOPICS.find(({ name }) => name === topic);
    if (spec === undefined) throw new Error(`${topic} has no spec`);
    // The request replaces the whole configuration of the topic.
    const configEntries = [
      { name: 'message.timestamp.type', value: timestampType },
      { name: 'cleanup.policy', value: spec.cleanup },
      { name: 'max.message.bytes', value: String(spec.maxMessageBytes) },
      { name: 'retention.ms', value: String(spec.retentionMs ?? -1) },
    ];
    await this.withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      }),
    );
  }

  async committedOffset(groupId: string, topic: string, partition: number): Promise<number | undefined> {
    return (await fetchCommittedOffsets(this.kafka, groupId, topic))[partition];
  }

  /** Sends one record batch, compressed. Beside a small record, one of more than 128 MiB makes it undecodable. */
  async sendZstd(topic: string, partition: number, values: readonly Buffer[]): Promise<void> {
    const producer = this.kafka.producer();
    await producer.connect();
    const messages = values.map((value) => ({ partition, value }));
    await producer.send({ topic, compression: CompressionTypes.ZSTD, messages });
    await producer.disconnect();
  }

  async send(...records: OutputRecord[]): Promise<void> {
    await this.producer.send(records);
  }

  /** Committed records of the partition since the test began. */
  async readPartition(topic: string, partition: number): Promise<KafkaRecord[]> {
    const from = this.begins.get(topic)?.[partition] ?? 0;
    return (await readCommitted(this.kafka, { topic, partition }, from)).records;
  }

  /** Committed records of all partitions since the test began. */
  async read(topic: string): Promise<KafkaRecord[]> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => this.readPartition(topic, partition));
    return (await Promise.all(partitions)).flat();
  }

  private async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

/** A header's text. */
export const header = (record: KafkaRecord, name: string): string | undefined => {
  const value = record.headers[name];
  return value === undefined ? undefined : String(value);
};

/** A record of the state topic that this version cannot read. */
export const unreadable = (family: Family, partition: number, key: string): OutputRecord => ({
  topic: stateTopic(family),
  partition,
  key: Buffer.from(key),
  value: Buffer.from('{"v":99}'),
  headers: {},
});

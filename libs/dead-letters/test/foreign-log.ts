import { randomUUID } from 'node:crypto';
import { PARTITIONS, type TopicSpec } from '@orderstream/contracts';
import {
  ensureTopics,
  fetchEndOffsets,
  type HeaderField,
  headerFields,
  headersOf,
  type KafkaRecord,
  type OutputRecord,
  RecordProducer,
} from '@orderstream/kafka';
import { type Consumer } from 'kafkajs';
import { readCommitted } from '../../../test/support/read-committed';
import { parseForeignLetter } from '../src/import/foreign-letter';
import { LetterIndex } from '../src/lookup/letter-index';
import { kafka } from './replay-log';

/** More partitions than the record of the plans has. */
const LETTER_PARTITIONS = PARTITIONS + 3;
const SOURCE_PARTITIONS = 4;

/** The topics of a connector that is not ours: what it reads, and its dead letters. */
export class ForeignLog {
  readonly id = `foreign-${randomUUID()}`;
  readonly letters = `${this.id}.dlq`;
  readonly source = `${this.id}.invoices`;
  readonly other = `${this.id}.payments`;
  readonly replays = `${this.id}.replays`;
  readonly index = new LetterIndex(100_000);
  private readonly producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
  private consumer: Consumer | undefined;

  async start(): Promise<void> {
    const partitions = {
      [this.letters]: LETTER_PARTITIONS,
      [this.source]: SOURCE_PARTITIONS,
      [this.other]: 1,
      [this.replays]: PARTITIONS,
    };
    const specs = Object.entries(partitions).map(([name, count]): TopicSpec => ({
      ...{ name, partitions: count, cleanup: 'delete', retentionMs: 86_400_000 },
      ...{ maxMessageBytes: 1_048_576, timestamps: 'CreateTime' },
    }));
    await ensureTopics(kafka, specs, { replication: 1 });
    await this.producer.connect();
  }

  async stop(): Promise<void> {
    await this.consumer?.disconnect();
    await this.producer.disconnect();
    await this.delete(this.letters, this.source, this.other, this.replays);
  }

  /** Those that exist. */
  async delete(...topics: readonly string[]): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    const existing = await admin.listTopics();
    await admin.deleteTopics({ topics: topics.filter((topic) => existing.includes(topic)) });
    await admin.disconnect();
  }

  /** Dead letters of numbered records of a source topic, in its partitions, as Kafka Connect writes them. */
  async reject(source: string, numbers: readonly number[], partitions = SOURCE_PARTITIONS): Promise<void> {
    await this.producer.send(
      numbers.map((number) => {
        const partition = number % partitions;
        const coordinates = { topic: source, partition, offset: number };
        return this.letterOf(coordinates, `key-${String(partition)}`, { number: String(number) });
      }),
    );
  }

  /** A letter without the topic of its record. */
  async rejectUnknown(): Promise<void> {
    const { headers, ...letter } = this.letterOf({ topic: '', partition: 0, offset: 0 }, 'k', { number: '-1' });
    const fields = headerFields(headers).filter(([name]) => !name.endsWith('.topic'));
    await this.producer.send([{ ...letter, headers: headersOf(fields) }]);
  }

  /** A consumer of the source topic that fails on every record, or on none. */
  async consume(fails: boolean): Promise<void> {
    const consumer = kafka.consumer({ groupId: `${this.id}-connect`, sessionTimeout: 10_000 });
    this.consumer = consumer;
    await consumer.connect();
    await consumer.subscribe({ topics: [this.source], fromBeginning: true });
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ topic, partition, message }) => {
        if (!fails) return;
        const { number } = JSON.parse(String(message.value)) as { readonly number: string };
        const place = { topic, partition, offset: Number(message.offset) };
        const own = headerFields(message.headers ?? {});
        await this.producer.send([this.letterOf(place, String(message.key), { number }, own)]);
      },
    });
  }

  /** Reads the new letters into the index. */
  async caughtUp(): Promise<void> {
    const topic = this.letters;
    for (const partition of (await fetchEndOffsets(kafka, topic)).keys()) {
      const { records } = await readCommitted(kafka, { topic, partition }, this.index.nextOffset(topic, partition));
      for (const record of records) {
        const letter = parseForeignLetter(record);
        if (letter !== undefined) this.index.add(letter);
      }
    }
  }

  /** Committed records of a topic, in the order of each partition. */
  async read(topic: string): Promise<KafkaRecord[]> {
    const partitions = (await fetchEndOffsets(kafka, topic)).map((_, partition) =>
      readCommitted(kafka, { topic, partition }),
    );
    return (await Promise.all(partitions)).flatMap(({ records }) => records);
  }

  private letterOf(
    { topic, partition, offset }: { readonly topic: string; readonly partition: number; readonly offset: number },
    key: string,
    body: object,
    own: readonly HeaderField[] = [['trace', 't-1']],
  ): OutputRecord {
    const added: HeaderField[] = [
      ['__connect.errors.topic', topic],
      ['__connect.errors.partition', String(partition)],
      ['__connect.errors.offset', String(offset)],
      ['__connect.errors.exception.class.name', 'java.io.IOException'],
    ];
    return {
      topic: this.letters,
      // Letters of a key are in one partition, those of several keys in each.
      partition: (partition * 2) % LETTER_PARTITIONS,
      key: Buffer.from(key),
      value: Buffer.from(JSON.stringify(body)),
      headers: headersOf([...own, ...added]),
    };
  }
}

import { CompressionTypes, type Kafka, type Producer } from 'kafkajs';
import { ProduceFailedError } from '../errors';
import { type OutputRecord } from '../record';
import { type Chunk, chunkRecords } from './chunks';

/** Where the records of one chunk lie: `count` consecutive offsets from `baseOffset`, in the order in which they were given. */
export interface ProducedRange {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

export interface RecordProducerOptions {
  /** Bound of one produce request, in encoded bytes; a record above it is compressed. At most the topics' max.message.bytes. */
  readonly maxRequestBytes: number;
  readonly compression?: 'none' | 'gzip';
}

/**
 * Idempotent producer to explicit partitions.
 *
 * Failure semantics: within one connected producer a retried request is stored once. `send` resolves when every record
 * is acknowledged by all in-sync replicas. When it rejects, the ranges in the error's `acked` are stored, each other
 * record is stored once or not at all, and the producer is replaced at the next send; sending again may then store
 * a record twice. Killed in between: likewise.
 *
 * Sends go out one after the other. kafkajs gives the sequence numbers of a failed request to the next one; with two
 * in flight the broker could take the second for a repetition of the first, and drop it.
 */
export class RecordProducer {
  private producer: Producer | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly options: RecordProducerOptions,
  ) {}

  async connect(): Promise<void> {
    this.producer ??= await this.open();
  }

  /**
   * @returns one range per partition and request; the ranges of a partition are in the order of its records
   * @throws RecordTooLargeError (nothing was sent), ProduceFailedError
   */
  send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]> {
    const sent = this.last.then(() => this.sendNow(records));
    this.last = sent.catch(() => undefined);
    return sent;
  }

  /** Waits for the sends that were begun. */
  async disconnect(): Promise<void> {
    this.closed = true;
    await this.last;
    await this.discard();
  }

  private async sendNow(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]> {
    const chunks = chunkRecords(records, this.options.maxRequestBytes);
    const acked: ProducedRange[] = [];
    try {
      if (this.closed) throw new Error('the producer is disconnected');
      const producer = (this.producer ??= await this.open());
      for (const chunk of chunks) acked.push(...(await this.sendChunk(producer, chunk)));
      return acked;
    } catch (cause) {
      await this.discard();
      throw new ProduceFailedError(
        `Producing ${records.length.toString()} records failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        acked,
        { cause },
      );
    }
  }

  private async sendChunk(producer: Producer, chunk: Chunk): Promise<ProducedRange[]> {
    const answers = await producer.sendBatch({
      acks: -1,
      compression:
        chunk.compress || this.options.compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
      topicMessages: chunk.topics.map(({ topic, partitions }) => ({
        topic,
        messages: Array.from(partitions.values()).flat() as never[],
      })),
    });
    const baseOffsets = new Map(answers.map((a) => [`${a.topicName}/${a.partition.toString()}`, Number(a.baseOffset)]));
    return chunk.topics.flatMap(({ topic, partitions }) =>
      Array.from(partitions, ([partition, sent]) => {
        const baseOffset = baseOffsets.get(`${topic}/${partition.toString()}`);
        if (baseOffset === undefined || baseOffset < 0) {
          throw new Error(`the broker named no offset for ${topic}/${partition.toString()}`);
        }
        return { topic, partition, baseOffset, count: sent.length };
      }),
    );
  }

  private async open(): Promise<Producer> {
    const producer = this.kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: () => explicitPartition,
      retry: { initialRetryTime: 50, maxRetryTime: 1_000, multiplier: 2, retries: 10 },
    });
    await producer.connect();
    return producer;
  }

  private async discard(): Promise<void> {
    const producer = this.producer;
    this.producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }
}

/** kafkajs runs its partitioner again at each retry; the partition of a record never changes here. */
const explicitPartition = ({ message }: { message: { partition?: number } }): number => {
  if (message.partition === undefined) throw new TypeError('a record without a partition');
  return message.partition;
};

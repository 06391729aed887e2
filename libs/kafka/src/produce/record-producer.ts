import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes, type Kafka, type Producer } from 'kafkajs';
import { ProduceFailedError } from '../errors';
import { type OutputRecord } from '../record';
import { partitionName } from '../topic-partition';
import { type Chunk, chunkRecords } from './chunks';

/** The offsets of records that were sent: `count` consecutive ones from `baseOffset`, in the order of the records. */
export interface ProducedRange {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

export interface RecordProducerOptions {
  /** Bound of one produce request, in encoded bytes. At most the topics' max.message.bytes. A larger record is compressed. */
  readonly maxRequestBytes: number;
}

/** What a producer can compress record batches with. */
export type Compression = 'gzip' | 'zstd';

const COMPRESSION_TYPES: Readonly<Record<Compression, CompressionTypes>> = {
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
};

/** kafkajs has no zstd of its own. Its types do not say that a codec gets an encoder. */
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { readonly buffer: Buffer }) => Promise.resolve(zstdCompressSync(buffer)),
  decompress: (buffer: Buffer) => Promise.resolve(zstdDecompressSync(buffer)),
});

/**
 * An idempotent producer to explicit partitions.
 *
 * Failure semantics: `send` resolves when all in-sync replicas have acknowledged every record. kafkajs' retries of one
 * request store it once. When `send` rejects, the ranges in the error's `acked` are stored, each other record is stored
 * once or not at all, and the next send creates a new producer: sending the records again can store them twice. The same
 * holds when the process is killed during a send.
 *
 * Sends run one after the other. kafkajs reuses the sequence numbers of a failed request for the next one; with two in
 * flight the broker could take the second for a duplicate of the first, and drop it.
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
   * @param compression of the record batches; without it, only a record that is too large is compressed, with gzip
   * @returns one range per partition and request; the ranges of a partition are in the order of its records
   * @throws RecordTooLargeError (nothing was sent), ProduceFailedError
   */
  send(records: readonly OutputRecord[], compression?: Compression): Promise<readonly ProducedRange[]> {
    const sent = this.last.then(() => this.sendNow(records, compression));
    this.last = sent.catch(() => undefined);
    return sent;
  }

  /** Waits for the sends that have begun. */
  async disconnect(): Promise<void> {
    this.closed = true;
    await this.last;
    await this.discard();
  }

  private async sendNow(
    records: readonly OutputRecord[],
    compression: Compression | undefined,
  ): Promise<readonly ProducedRange[]> {
    const chunks = chunkRecords(records, this.options.maxRequestBytes);
    const acked: ProducedRange[] = [];
    try {
      if (this.closed) throw new Error('the producer was disconnected');
      const producer = (this.producer ??= await this.open());
      for (const chunk of chunks) acked.push(...(await this.sendChunk(producer, chunk, compression)));
      return acked;
    } catch (cause) {
      await this.discard();
      throw new ProduceFailedError(
        `Producing ${records.length.toString()} records to ${partitionsOf(records)} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        acked,
        { cause },
      );
    }
  }

  private async sendChunk(
    producer: Producer,
    chunk: Chunk,
    compression: Compression | undefined,
  ): Promise<ProducedRange[]> {
    const chosen = compression ?? (chunk.compress ? 'gzip' : undefined);
    const responses = await producer.sendBatch({
      acks: -1,
      compression: chosen === undefined ? CompressionTypes.None : COMPRESSION_TYPES[chosen],
      topicMessages: chunk.topics.map(({ topic, partitions }) => ({
        topic,
        messages: Array.from(partitions.values()).flat() as never[],
      })),
    });
    const baseOffsets = new Map(
      responses.map(({ topicName: topic, partition, baseOffset }) => [
        partitionName({ topic, partition }),
        Number(baseOffset),
      ]),
    );
    return chunk.topics.flatMap(({ topic, partitions }) =>
      Array.from(partitions, ([partition, sent]) => {
        const name = partitionName({ topic, partition });
        const baseOffset = baseOffsets.get(name);
        if (baseOffset === undefined || baseOffset < 0) throw new Error(`the broker returned no offset for ${name}`);
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

/** `topic/partition` of up to three partitions, for a message. */
function partitionsOf(records: readonly OutputRecord[]): string {
  const names = [...new Set(records.map(partitionName))];
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${(names.length - 3).toString()} more`;
}

/** kafkajs runs its partitioner at each retry; the partition of a record must not change. */
const explicitPartition = ({ message }: { message: { partition?: number } }): number => {
  if (message.partition === undefined) throw new TypeError('The record has no partition');
  return message.partition;
};

import { MAX_RECORD_BYTES, REPLAYS_TOPIC, TOPICS } from '@orderstream/contracts';
import {
  fetchLogBounds,
  HighWatermarks,
  type KafkaRecord,
  OffsetOutOfRangeError,
  type OutputRecord,
  PartitionTransactions,
  readPartition,
} from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { decodeReplayRecord, receiptPartition, type StoredReceipt } from './receipts';

/** The transactions of the replay of one partition: see `PartitionTransactions`. */
export interface ReplayTransactions {
  /** @throws TransactionFailedError; RecordTooLargeError, which leaves this object usable */
  commit(records: readonly OutputRecord[], offset: number): Promise<void>;
  close(): Promise<void>;
}

/** What the replay of one partition reads and writes. */
export interface PartitionIo {
  /** Fences older owners: nothing of theirs can be stored any more. */
  open(): Promise<ReplayTransactions>;
  /** The receipts of the partition that are committed at the call, from an offset on. */
  readReceipts(from: number, take: (receipt: StoredReceipt) => void, signal: AbortSignal): Promise<void>;
  /** The records of the dead-letter partition in a range of offsets, as far as its log still has them. */
  readLetters(
    from: number,
    until: number,
    take: (record: KafkaRecord) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Group of the transactional ids: `replay.<dead-letter topic>.<partition>`. */
const REPLAY_GROUP = 'replay';
const TRANSACTION_TIMEOUT_MS = 10_000;
/** At most the limit of the topic of the plans. */
const MAX_REQUEST_BYTES = MAX_RECORD_BYTES;
/** A larger letter is rejected by `ReturnedRecords`. */
const LARGEST_RECORD_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

/** The replay of one partition on Kafka. */
export class KafkaPartitionIo implements PartitionIo {
  private beginning: number | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly partition: number,
    private readonly replaysTopic: string = REPLAYS_TOPIC,
    /** Largest record batch that a topic takes; undefined for one of this system. */
    private readonly maxBytesOf?: (topic: string) => number | undefined,
  ) {}

  async open(): Promise<ReplayTransactions> {
    const { maxBytesOf } = this;
    const transactions = await PartitionTransactions.open(this.kafka, {
      groupId: REPLAY_GROUP,
      topic: this.topic,
      partition: this.partition,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      maxRequestBytes: MAX_REQUEST_BYTES,
      maxRecordBytes:
        maxBytesOf === undefined ? LARGEST_RECORD_BYTES : (topic: string) => maxBytesOf(topic) ?? LARGEST_RECORD_BYTES,
    });
    return {
      commit: (records, offset) => transactions.commit({ records, offset }),
      close: () => transactions.close(),
    };
  }

  /**
   * Up to the high watermark: the producers of other dead-letter topics write into the same partition, and the last stable
   * offset may still stand at one of their open transactions, before receipts that are committed.
   */
  async readReceipts(from: number, take: (receipt: StoredReceipt) => void, signal: AbortSignal): Promise<void> {
    const { kafka, replaysTopic: topic } = this;
    const partition = receiptPartition(this.partition);
    const watermarks = new HighWatermarks(kafka, topic);
    let until: number;
    try {
      until = (await watermarks.fetch())[partition] ?? 0;
    } finally {
      await watermarks.close();
    }
    const beginning = (await fetchLogBounds(kafka, topic)).beginnings[partition] ?? 0;
    await readPartition(kafka, { topic, partition, from: Math.max(from, beginning), until, signal }, ({ records }) => {
      for (const record of records) {
        const decoded = decodeReplayRecord(record);
        if (decoded?.kind === 'receipt') take(decoded);
      }
    });
  }

  async readLetters(
    from: number,
    until: number,
    take: (record: KafkaRecord) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { kafka, topic, partition } = this;
    // What retention removes meanwhile is not there to be returned.
    for (let start = from; ;) {
      this.beginning ??= (await fetchLogBounds(kafka, topic)).beginnings[partition] ?? 0;
      start = Math.max(start, this.beginning);
      if (start >= until) return;
      try {
        await readPartition(kafka, { topic, partition, from: start, until, signal }, async ({ records }) => {
          for (const record of records) await take(record);
        });
        return;
      } catch (error) {
        this.beginning = undefined;
        if (!(error instanceof OffsetOutOfRangeError)) throw error;
        const beginning = (await fetchLogBounds(kafka, topic)).beginnings[partition] ?? 0;
        if (beginning <= start) throw error;
      }
    }
  }
}

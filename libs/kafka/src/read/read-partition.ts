import { type Kafka } from 'kafkajs';
import { Backoff } from '../backoff';
import { type Isolation } from '../client/kafkajs-internals';
import { type BatchPlace, LogUnreadableError, OffsetOutOfRangeError, ReadTimeoutError } from '../errors';
import { type RecordBatch } from '../record';
import { partitionName } from '../topic-partition';
import { type Fetched, LogClient } from './log-client';
import { permanentErrorOf } from './permanent-error';
import { unreadIn } from './unread-in';

export interface ReadPartitionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly from: number | 'beginning';
  /** First offset that is not read. `end`: the last stable offset at the call (uncommitted: the high watermark). */
  readonly until: number | 'end';
  /** Default `committed`. */
  readonly isolation?: Isolation;
  readonly signal?: AbortSignal;
  /**
   * Called for a batch that cannot be decoded, with the number of records that are left out in the range, by its header; the reading
   * goes on behind it. Without it, the reading rejects.
   */
  readonly onUnreadable?: (batch: BatchPlace, unread: number) => void;
}

const BOUNDS = { maxWaitMs: 250, maxPartitionBytes: 2 * 1_048_576, maxBytes: 2 * 1_048_576 };
/** How long the broker may not respond, or not return what lies below `until`. */
const STALL_TIMEOUT_MS = 30_000;

/**
 * Reads a range of offsets of one partition, without a consumer group. Passes one batch at a time to `onBatch`, and
 * fetches the next one when `onBatch` is done. Reconnects, and follows a change of the leader.
 *
 * @returns the offset at which the reading ended. Without an error it is `until` (or `from`, if that is higher), even
 * when the last record lies far below: the range can end with markers, aborted records and compacted records.
 * @throws ReadTimeoutError, OffsetOutOfRangeError (the log begins after `from`, or ends before it), LogUnreadableError, the
 * reason of the signal, and what `onBatch` throws
 */
export async function readPartition(
  kafka: Kafka,
  options: ReadPartitionOptions,
  onBatch: (batch: RecordBatch) => void | Promise<void>,
): Promise<{ nextOffset: number }> {
  const client = new LogClient(kafka, options.isolation ?? 'committed');
  try {
    return await new PartitionReader(client, options, onBatch).run();
  } finally {
    await client.disconnect().catch(() => undefined);
  }
}

class PartitionReader {
  private readonly backoff = new Backoff();
  private progressAt = performance.now();

  constructor(
    private readonly client: LogClient,
    private readonly options: ReadPartitionOptions,
    private readonly onBatch: (batch: RecordBatch) => void | Promise<void>,
  ) {}

  async run(): Promise<{ nextOffset: number }> {
    const { topic, partition, from, until } = this.options;
    const end = until === 'end' ? await this.edge('end') : until;
    let offset = from === 'beginning' ? await this.edge('beginning') : from;
    while (offset < end) {
      const fetched = await this.retrying(() => this.fetch(offset));
      if (fetched instanceof LogUnreadableError) {
        const batch = this.passed(fetched, offset);
        this.options.onUnreadable?.(batch, unreadIn(batch, offset, end));
        offset = Math.min(batch.nextOffset, end);
        this.progressAt = performance.now();
        continue;
      }
      if (fetched.nextOffset > offset) this.progressAt = performance.now();
      else this.failIfStalled(new Error(`the broker returned nothing from ${offset.toString()} to ${end.toString()}`));
      const records =
        fetched.nextOffset > end ? fetched.records.filter((record) => record.offset < end) : fetched.records;
      offset = Math.min(fetched.nextOffset, end);
      if (records.length > 0) {
        await this.onBatch({ topic, partition, records, nextOffset: offset });
        this.progressAt = performance.now();
      }
    }
    return { nextOffset: offset };
  }

  private edge(edge: 'beginning' | 'end'): Promise<number> {
    const { topic, partition } = this.options;
    return this.retrying(async () => {
      const offset = (await this.client.edges(topic, edge, [partition])).get(partition);
      if (offset === undefined) throw new Error(`No leader returned the ${edge} of ${this.name}`);
      return offset;
    });
  }

  /** The batch behind which the reading goes on. @throws the error when it must not */
  private passed(error: LogUnreadableError, offset: number): BatchPlace {
    const { batch } = error;
    if (this.options.onUnreadable === undefined || batch === undefined || batch.nextOffset <= offset) throw error;
    return batch;
  }

  private async fetch(offset: number): Promise<Fetched | LogUnreadableError> {
    const { topic, partition } = this.options;
    const leader = this.client.leaderOf({ topic, partition });
    if (leader === undefined) throw new Error(`${this.name} has no leader`);
    const [result] = await this.client.fetch(leader, [{ topic, partition, offset }], BOUNDS);
    if (result === undefined) throw new Error(`the response of the broker does not contain ${this.name}`);
    if (result.ok) return result;
    const error = permanentErrorOf(result) ?? result.error;
    if (error instanceof LogUnreadableError) return error;
    throw error;
  }

  private async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    for (let hasFailed = false; ;) {
      this.options.signal?.throwIfAborted();
      try {
        await this.client.connect([this.options.topic]);
        if (hasFailed) await this.client.refresh();
        const result = await attempt();
        this.backoff.reset();
        return result;
      } catch (error) {
        if (error instanceof OffsetOutOfRangeError) throw error;
        this.failIfStalled(error);
        hasFailed = true;
        await this.backoff.wait(this.options.signal);
      }
    }
  }

  private failIfStalled(cause: unknown): void {
    const stalledMs = Math.round(performance.now() - this.progressAt);
    if (stalledMs < STALL_TIMEOUT_MS) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ReadTimeoutError(
      `Reading ${this.name} made no progress for ${stalledMs.toString()} ms: ${why}. Check that its leader is running.`,
      { cause },
    );
  }

  private get name(): string {
    return partitionName(this.options);
  }
}

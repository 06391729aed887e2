import { type Kafka } from 'kafkajs';
import { PositionLostError, ReadTimeoutError } from '../errors';
import { type RecordBatch } from '../record';
import { Backoff } from './backoff';
import { type Fetched, type FetchFailed, LogClient, UNREADABLE } from './log-client';
import { OFFSET_OUT_OF_RANGE } from './protocol-errors';

export interface ReadPartitionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly from: number | 'beginning';
  /** First offset that is not wanted; `end` is the last stable offset (uncommitted: the high watermark) at the call. */
  readonly until: number | 'end';
  readonly isolation?: 'committed' | 'uncommitted';
  readonly signal?: AbortSignal;
  /** Without an answer of the broker, or without progress below `until`, for that long: ReadTimeoutError. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

const BOUNDS = { maxWaitMs: 250, maxPartitionBytes: 2 * 1_048_576, maxBytes: 2 * 1_048_576 };

/**
 * Reads one partition from a position to a position, without a group. Batches are handed over one at a time; the next
 * one is fetched when `onBatch` is done. Survives changes of leader and reconnects.
 *
 * The position passes transaction markers, aborted records and what compaction took out: it ends at `until` though the
 * last record may lie far below.
 *
 * @throws ReadTimeoutError, PositionLostError (the log starts after `from`, or ends before it), LogUnreadableError, the
 * signal's reason, and what `onBatch` throws
 */
export async function readPartition(
  kafka: Kafka,
  options: ReadPartitionOptions,
  onBatch: (batch: RecordBatch) => void | Promise<void>,
): Promise<{ nextOffset: number }> {
  const client = new LogClient(kafka, options.isolation ?? 'committed');
  try {
    return await new PartitionRead(client, options, onBatch).run();
  } finally {
    await client.disconnect().catch(() => undefined);
  }
}

class PartitionRead {
  private readonly backoff = new Backoff();
  private readonly place: string;
  private readonly stallTimeoutMs: number;
  private progressAt = performance.now();

  constructor(
    private readonly client: LogClient,
    private readonly options: ReadPartitionOptions,
    private readonly onBatch: (batch: RecordBatch) => void | Promise<void>,
  ) {
    this.place = `${options.topic}/${options.partition.toString()}`;
    this.stallTimeoutMs = options.stallTimeoutMs ?? 30_000;
  }

  async run(): Promise<{ nextOffset: number }> {
    const { from, until } = this.options;
    const end = until === 'end' ? await this.edge('end') : until;
    let position = from === 'beginning' ? await this.edge('beginning') : from;
    while (position < end) {
      const fetched = await this.retrying(() => this.fetch(position));
      if (fetched.nextOffset > position) this.progressAt = performance.now();
      else this.failIfStalled(new Error(`nothing below ${end.toString()} came`));
      const records = fetched.nextOffset > end ? fetched.records.filter(({ offset }) => offset < end) : fetched.records;
      position = Math.min(fetched.nextOffset, end);
      if (records.length > 0) {
        const { topic, partition } = this.options;
        await this.onBatch({ topic, partition, records, nextOffset: position, highWatermark: fetched.end });
        this.progressAt = performance.now();
      }
    }
    return { nextOffset: position };
  }

  private edge(edge: 'beginning' | 'end'): Promise<number> {
    const { topic, partition } = this.options;
    return this.retrying(async () => {
      const offset = (await this.client.edges(topic, edge, [partition])).get(partition);
      if (offset === undefined) throw new Error(`no ${edge} of ${this.place}`);
      return offset;
    });
  }

  private async fetch(offset: number): Promise<Fetched> {
    const { topic, partition } = this.options;
    const leader = this.client.leaderOf({ topic, partition });
    if (leader === undefined) throw new Error(`${this.place} has no leader`);
    const [result] = await this.client.fetch(leader, [{ topic, partition, offset }], BOUNDS);
    if (result === undefined) throw new Error(`the broker did not answer for ${this.place}`);
    if (result.ok) return result;
    throw fatal(result, this.place) ?? result.error;
  }

  private async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failed = false; ;) {
      this.options.signal?.throwIfAborted();
      try {
        await this.client.connect([this.options.topic]);
        if (failed) await this.client.refresh();
        const result = await attempt();
        this.backoff.reset();
        return result;
      } catch (error) {
        if (error instanceof PositionLostError || isUnreadable(error)) throw error;
        this.failIfStalled(error);
        failed = true;
        await this.backoff.wait(this.options.signal);
      }
    }
  }

  private failIfStalled(cause: unknown): void {
    const stalledMs = Math.round(performance.now() - this.progressAt);
    if (stalledMs < this.stallTimeoutMs) return;
    throw new ReadTimeoutError(`Reading ${this.place} made no progress for ${stalledMs.toString()} ms`, { cause });
  }
}

const isUnreadable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'LOG_UNREADABLE';

/** The error of a failed fetch that no retry helps; undefined when one may. */
export function fatal(failed: FetchFailed, place: string): Error | undefined {
  if (failed.code === UNREADABLE) return failed.error;
  if (failed.code !== OFFSET_OUT_OF_RANGE) return undefined;
  return new PositionLostError(
    `${place} does not have offset ${failed.offset.toString()}: the log was cut or the topic made anew`,
    { cause: failed.error },
  );
}

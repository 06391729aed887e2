import { PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  fetchLogBounds,
  fetchCommittedOffsets,
  HighWatermarks,
  type LogBounds,
  type RecordBatch,
  TopicFollower,
} from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';
import { Catalog, type CatalogLimits } from '@orderstream/quality';
import type { Admin, Kafka } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import { unlessAborted } from '../partitions/unless-aborted';

const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 250;

/** The validator of the catalog did not catch up in time for a record that waits for it. */
export class CatalogTimeoutError extends OrderstreamError {
  readonly code = 'CATALOG_TIMEOUT' satisfies ErrorCode;
  constructor(waitMs: number) {
    super(
      `The validator of the catalog did not reach the end of ${rawTopic('catalog')} within ${String(waitMs)} ms. ` +
        'Records with unknown references wait for it. Check that the catalog partitions are assigned and not stopped.',
      { retriable: true },
    );
  }
}

export interface CatalogReaderOptions {
  readonly kafka: Kafka;
  /** Group of the catalog's validator: it has evaluated what lies below its committed offsets. */
  readonly catalogGroupId: string;
  readonly limits: CatalogLimits;
  readonly waitMs: number;
  readonly logger: Logger;
}

/** One wait for the catalog. Shared by all batches received before it started. */
interface CatchUp {
  readonly startedAt: number;
  /** Resolves when everything announced before `startedAt` has been read. */
  readonly done: Promise<void>;
}

/**
 * Follows the validated catalog, and waits until everything announced before a batch was received has been read.
 *
 * Failure semantics: only reads, without a consumer group. The catalog is in memory, so a restart reads the topic from
 * its beginning. Only committed records are read: what was read is never taken back.
 */
export class CatalogReader {
  readonly catalog: Catalog;
  private readonly follower: TopicFollower;
  private readonly validatedEnds: HighWatermarks;
  private admin: Admin | undefined;
  private started: Promise<void> | undefined;
  /** The next offset to read, by partition. */
  private readonly nextOffsets: number[] = [];
  private header: Buffer | undefined;
  /** Numbers marks and catch-ups in their order: a clock may give two of them the same time. */
  private ticks = 0;
  /** Start of the last complete catch-up. */
  private completeAt = 0;
  private catchUp: CatchUp | undefined;

  constructor(private readonly options: CatalogReaderOptions) {
    this.catalog = new Catalog(options.limits);
    this.validatedEnds = new HighWatermarks(options.kafka, validatedTopic('catalog'));
    this.follower = new TopicFollower(options.kafka, {
      topic: validatedTopic('catalog'),
      onBatch: (batch) => {
        this.take(batch);
      },
    });
  }

  /** Starts to follow the topic. Resolves when the records that it held then have been read. May be repeated. */
  caughtUp(): Promise<void> {
    this.started ??= this.start().catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
    return this.started;
  }

  /** The error that stopped the follower. Only a restart helps. */
  get failed(): Error | undefined {
    return this.follower.failed;
  }

  /** A mark for `completeSince`, to be taken when a batch is received. */
  mark(): number {
    return ++this.ticks;
  }

  /** The next offsets to read as a JSON array by partition, for the header `quality-catalog-position`. */
  positionHeader(): Buffer {
    this.header ??= Buffer.from(
      JSON.stringify(Array.from({ length: PARTITIONS }, (_, partition) => this.nextOffsets[partition] ?? 0)),
    );
    return this.header;
  }

  /**
   * Resolves when everything announced in the raw catalog before the mark has been evaluated and read: at once if a
   * catch-up that started after the mark is complete.
   * @throws CatalogTimeoutError when that takes too long; the signal's reason
   */
  async completeSince(mark: number, signal: AbortSignal): Promise<void> {
    while (this.completeAt < mark) {
      signal.throwIfAborted();
      this.catchUp ??= this.startCatchUp();
      await unlessAborted(this.catchUp.done, signal);
    }
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    await Promise.all([this.admin?.disconnect(), this.validatedEnds.close()]);
  }

  private async start(): Promise<void> {
    const admin = this.options.kafka.admin();
    await admin.connect();
    this.admin = admin;
    await this.follower.start();
    await this.follower.waitUntilCaughtUp();
    this.options.logger.info({ entities: this.catalog.size }, 'catalog read');
  }

  private take({ partition, records, nextOffset }: RecordBatch): void {
    for (const { value, offset } of records) {
      try {
        this.catalog.apply(value === null ? null : JSON.parse(value.toString()));
      } catch (error) {
        // The validator writes valid JSON only: this record is of another producer.
        this.options.logger.error({ err: error, partition, offset }, 'a catalog record cannot be read');
      }
    }
    this.nextOffsets[partition] = nextOffset;
    this.header = undefined;
  }

  private startCatchUp(): CatchUp {
    const startedAt = ++this.ticks;
    const done = this.untilEvaluatedAndRead()
      .then(() => {
        this.completeAt = startedAt;
      })
      .finally(() => {
        this.catchUp = undefined;
      });
    // All batches that wait for it may have been aborted: the rejection must not be unhandled.
    done.catch(() => undefined);
    return { startedAt, done };
  }

  private async untilEvaluatedAndRead(): Promise<void> {
    const { admin } = this;
    if (admin === undefined) throw new TypeError('the catalog reader has not been started');
    const { catalogGroupId, waitMs } = this.options;
    const deadline = performance.now() + waitMs;
    const bounds = await fetchLogBounds(admin, rawTopic('catalog'));
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
      const committed = await fetchCommittedOffsets(admin, catalogGroupId, rawTopic('catalog'));
      if (isEvaluated(bounds, committed)) break;
      if (performance.now() + pollMs > deadline) throw new CatalogTimeoutError(waitMs);
      await delay(pollMs);
    }
    // Up to the high watermarks: the commit marker of a transaction reaches each partition at its own time, and the one
    // of the committed offset may come before the one of the validated records, which the last stable offset waits for.
    const ends = await this.validatedEnds.fetch();
    await Promise.all(
      ends.map((end, partition) =>
        this.follower.waitForOffset(partition, end, Math.max(1, deadline - performance.now())),
      ),
    );
  }
}

/**
 * Whether the group has evaluated the topic up to its ends. What retention has removed counts as evaluated: otherwise a
 * group that never committed would wait for ever for an empty partition.
 */
export function isEvaluated({ beginnings, ends }: LogBounds, committed: readonly (number | undefined)[]): boolean {
  return ends.every((end, partition) => Math.max(committed[partition] ?? 0, beginnings[partition] ?? 0) >= end);
}

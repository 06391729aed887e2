import { PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  fetchBounds,
  fetchCommitted,
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

/** The catalog did not get to where a record needs it. */
export class CatalogTimeoutError extends OrderstreamError {
  readonly code = 'CATALOG_TIMEOUT' satisfies ErrorCode;
  constructor(waitMs: number) {
    super(
      `the validator of the catalog did not get past the end of ${rawTopic('catalog')} within ${String(waitMs)} ms. ` +
        'Records with unknown references wait for it: see whether the catalog partitions are assigned and not stopped.',
      { retriable: true },
    );
  }
}

export interface CatalogReaderOptions {
  readonly kafka: Kafka;
  /** Group of the catalog's validator: what it committed is what it has evaluated. */
  readonly catalogGroupId: string;
  readonly limits: CatalogLimits;
  readonly waitMs: number;
  readonly logger: Logger;
}

/** One look at how far the catalog is: complete when all announced before `startedAt` has been read. */
interface Sample {
  readonly startedAt: number;
  readonly done: Promise<void>;
}

/**
 * Follows the validated catalog, and tells when all that was announced before a batch was received has been read.
 *
 * Failure semantics: reads only, in no group. It holds the whole catalog of the topic's retention in memory, so a
 * restart reads it from its beginning. Follows committed records, hence only what is announced for good.
 */
export class CatalogReader {
  readonly catalog: Catalog;
  private readonly follower: TopicFollower;
  private readonly validatedEnds: HighWatermarks;
  private admin: Admin | undefined;
  private started: Promise<void> | undefined;
  private readonly positions: number[] = [];
  private header: Buffer | undefined;
  /** Counts marks and samples: the order of local events, which no clock gives. */
  private ticks = 0;
  private completedSince = 0;
  private sampling: Sample | undefined;

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

  /** Begins to follow; resolves when what the topic held has been read. Repeating it waits for the same. */
  caughtUp(): Promise<void> {
    this.started ??= this.start().catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
    return this.started;
  }

  /** The error that ended the following: only a restart helps. */
  get failed(): Error | undefined {
    return this.follower.failed;
  }

  /** What to compare a sample with: to be taken when a batch is received. */
  mark(): number {
    return ++this.ticks;
  }

  /** Positions read so far by partition, as JSON. */
  positionHeader(): Buffer {
    this.header ??= Buffer.from(
      JSON.stringify(Array.from({ length: PARTITIONS }, (_, partition) => this.positions[partition] ?? 0)),
    );
    return this.header;
  }

  /**
   * Resolves when all that was announced in the raw catalog before the mark has been evaluated and read. Batches share
   * samples: one that was received before a completed sample began waits for nothing.
   * @throws CatalogTimeoutError when that takes too long; the signal's reason
   */
  async completeSince(mark: number, signal: AbortSignal): Promise<void> {
    while (this.completedSince < mark) {
      signal.throwIfAborted();
      this.sampling ??= this.beginSample();
      await unlessAborted(this.sampling.done, signal);
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
    await this.follower.caughtUp();
    this.options.logger.info({ entities: this.catalog.size }, 'catalog read');
  }

  private take({ partition, records, nextOffset }: RecordBatch): void {
    for (const { value, offset } of records) {
      try {
        this.catalog.apply(value === null ? null : JSON.parse(value.toString()));
      } catch (error) {
        // The validated topic holds valid JSON only, unless somebody else wrote to it.
        this.options.logger.error({ err: error, partition, offset }, 'a catalog record cannot be read');
      }
    }
    this.positions[partition] = nextOffset;
    this.header = undefined;
  }

  private beginSample(): Sample {
    const startedAt = ++this.ticks;
    const done = this.sample()
      .then(() => {
        this.completedSince = startedAt;
      })
      .finally(() => {
        this.sampling = undefined;
      });
    // Those who wait for it may all have gone.
    done.catch(() => undefined);
    return { startedAt, done };
  }

  private async sample(): Promise<void> {
    const { admin } = this;
    if (admin === undefined) throw new TypeError('the catalog reader has not been started');
    const { catalogGroupId, waitMs } = this.options;
    const deadline = performance.now() + waitMs;
    const bounds = await fetchBounds(admin, rawTopic('catalog'));
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
      const committed = await fetchCommitted(admin, catalogGroupId, rawTopic('catalog'));
      if (isEvaluated(bounds, committed)) break;
      if (performance.now() + pollMs > deadline) throw new CatalogTimeoutError(waitMs);
      await delay(pollMs);
    }
    // Not the last stable offsets: the marker that ends a transaction comes to each partition at a time of its own, and the
    // position's may come before the catalog's.
    const ends = await this.validatedEnds.fetch();
    await Promise.all(
      ends.map((end, partition) => this.follower.reached(partition, end, Math.max(1, deadline - performance.now()))),
    );
  }
}

/**
 * Whether a group's committed offsets have passed the ends. What retention has taken nobody will evaluate any more: a
 * partition of which nothing is left is waited for in vain, above all by a group that has never committed.
 */
export function isEvaluated({ beginnings, ends }: LogBounds, committed: readonly (number | undefined)[]): boolean {
  return ends.every((end, partition) => Math.max(committed[partition] ?? 0, beginnings[partition] ?? 0) >= end);
}

import { CATALOG_VERSIONS_TOPIC, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  fetchCommittedOffsets,
  fetchLogBounds,
  HighWatermarks,
  type RecordBatch,
  TopicFollower,
} from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';
import { Catalog, type CatalogLimits, type CatalogView, decodeCatalogRecord } from '@orderstream/quality';
import type { Admin, Kafka } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import { unlessAborted } from '../partitions/unless-aborted';
import { endsToAwait } from './catalog-ends';
import { CatalogProgress } from './catalog-progress';

const POLL_MS = 10;
/** How long a start waits for the last records of the versions topic before it is tried again. */
const READ_TIMEOUT_MS = 30_000;

/** The validator of the catalog makes progress, or cannot be followed, and did not catch up in time for a record. */
export class CatalogTimeoutError extends OrderstreamError {
  readonly code = 'CATALOG_TIMEOUT' satisfies ErrorCode;
  constructor(waitMs: number) {
    super(
      `The validator of the catalog did not reach the end of ${rawTopic('catalog')} within ${String(waitMs)} ms. It makes ` +
        `progress, or the broker did not answer the fetches of ${CATALOG_VERSIONS_TOPIC} meanwhile, which leaves its ` +
        'progress unknown. Records with unknown references wait on: the wait is repeated.',
      { retriable: true },
    );
  }
}

/** The versions topic lacks partitions of the catalog that were evaluated. Without them every order would be rejected. */
export class CatalogVersionsMissingError extends OrderstreamError {
  readonly code = 'CATALOG_VERSIONS_MISSING' satisfies ErrorCode;
  constructor(partitions: readonly number[], retriable: boolean) {
    const commands = partitions.map(
      (partition) => `\`npm run rebuild-state -- --family catalog --partition ${String(partition)}\``,
    );
    super(
      `${CATALOG_VERSIONS_TOPIC}/${partitions.join(',')} is empty, although the group validator-catalog has committed ` +
        `offsets of ${rawTopic('catalog')}: the topic was deleted, or the records were evaluated before it existed. ` +
        `Every order would be rejected. Run ${commands.join(', ')}, then \`POST /admin/resume\` ` +
        '(docs/validator-state.md#the-catalog).',
      { retriable },
    );
  }
}

export interface CatalogReaderOptions {
  readonly kafka: Kafka;
  /** Group of the catalog's validator. */
  readonly catalogGroupId: string;
  readonly limits: CatalogLimits;
  /** How long a record waits, and how long the catalog may make no progress before it counts as behind. */
  readonly waitMs: number;
  readonly logger: Logger;
}

/** One wait for the catalog. Shared by all batches received before it started. */
interface CatchUp {
  readonly startedAt: number;
  /** Resolves when everything announced before `startedAt` has been read, or the catalog makes no progress. */
  readonly done: Promise<'complete' | 'behind'>;
}

/**
 * Follows the versions topic, and waits until everything announced before a batch was received has been read.
 *
 * Failure semantics: only reads, without a consumer group. The catalog is in memory, so a restart reads the compacted
 * topic from its beginning. Only committed records are read: what was read is never taken back. Each transaction of the
 * catalog's validator ends with the raw offset that it commits, so what was read says how far of the raw catalog it is.
 */
export class CatalogReader {
  readonly catalog: Catalog;
  /** The catalog, for records whose wait has ended without it. */
  readonly catalogBehind: CatalogView;
  private readonly follower: TopicFollower;
  private readonly versionEnds: HighWatermarks;
  private readonly rawEnds: HighWatermarks;
  private readonly progress: CatalogProgress;
  private admin: Admin | undefined;
  private started: Promise<void> | undefined;
  private isVerified = false;
  private header: Buffer | undefined;
  /** Numbers marks and catch-ups in their order: a clock may give two of them the same time. */
  private ticks = 0;
  /** Start of the last complete catch-up. */
  private completeAt = 0;
  private catchUp: CatchUp | undefined;

  constructor(private readonly options: CatalogReaderOptions) {
    const catalog = new Catalog(options.limits);
    this.catalog = catalog;
    this.catalogBehind = {
      vendor: (vendorId) => catalog.vendor(vendorId),
      product: (itemSku) => catalog.product(itemSku),
      get truncated() {
        return catalog.truncated;
      },
      behind: true,
    };
    this.progress = new CatalogProgress(options.waitMs);
    this.versionEnds = new HighWatermarks(options.kafka, CATALOG_VERSIONS_TOPIC);
    this.rawEnds = new HighWatermarks(options.kafka, rawTopic('catalog'));
    this.follower = new TopicFollower(options.kafka, {
      topic: CATALOG_VERSIONS_TOPIC,
      onBatch: (batch) => {
        this.take(batch);
      },
      onAnswer: (partition) => {
        this.progress.answered(partition, performance.now());
      },
      logger: options.logger,
    });
  }

  /**
   * Starts to follow the topic. Resolves when the records that it held then have been read. May be repeated.
   * @throws CatalogVersionsMissingError, which is retriable: the partition waits until the versions are rebuilt
   */
  async caughtUp(): Promise<void> {
    this.started ??= this.start().catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
    await this.started;
    if (!this.isVerified) await this.verify();
    this.isVerified = true;
  }

  /** The error that stopped the follower. Only a restart helps. */
  get failed(): Error | undefined {
    return this.follower.failed;
  }

  /** A mark for `completeSince`, to be taken when a batch is received. */
  mark(): number {
    return ++this.ticks;
  }

  /** The next raw offsets of the catalog as a JSON array by partition, for the header `quality-catalog-position`. */
  positionHeader(): Buffer {
    const { rawOffsets } = this.progress;
    this.header ??= Buffer.from(
      JSON.stringify(Array.from({ length: PARTITIONS }, (_, partition) => rawOffsets[partition] ?? 0)),
    );
    return this.header;
  }

  /**
   * Resolves with `complete` when everything announced in the raw catalog before the mark has been evaluated and read: at
   * once if a catch-up that started after the mark is complete. Resolves with `behind` when the validator of the catalog
   * has made no progress for the time of the wait, or at once when the raw catalog is another log than it was read from.
   * @throws CatalogTimeoutError when the wait takes too long otherwise; the signal's reason
   */
  async completeSince(mark: number, signal: AbortSignal): Promise<'complete' | 'behind'> {
    signal.throwIfAborted();
    if (this.completeAt >= mark) return 'complete';
    if (this.catchUp === undefined || this.catchUp.startedAt < mark) this.catchUp = this.startCatchUp();
    return unlessAborted(this.catchUp.done, signal);
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    await Promise.all([this.admin?.disconnect(), this.versionEnds.close(), this.rawEnds.close()]);
  }

  private async start(): Promise<void> {
    const admin = this.options.kafka.admin();
    await admin.connect();
    this.admin = admin;
    await this.follower.start();
    await this.follower.waitUntilCaughtUp();
    this.options.logger.info({ entities: this.catalog.size }, 'catalog read');
  }

  /** An empty versions partition is right only where the catalog's validator has committed nothing. */
  private async verify(): Promise<void> {
    const committed = await fetchCommittedOffsets(this.connected, this.options.catalogGroupId, rawTopic('catalog'));
    // Up to the high watermarks: the commit marker of a transaction reaches each partition at its own time, and the one
    // of the committed offset may come before the one of the versions, which the last stable offset waits for.
    const ends = await this.versionEnds.fetch();
    await Promise.all(ends.map((end, partition) => this.follower.waitForOffset(partition, end, READ_TIMEOUT_MS)));
    const missing = [...committed.keys()].filter(
      (partition) => committed[partition] !== undefined && this.progress.rawOffsets[partition] === undefined,
    );
    if (missing.length > 0) throw new CatalogVersionsMissingError(missing, true);
  }

  private take({ partition, records }: RecordBatch): void {
    for (const { key, value, offset } of records) {
      const name = key?.toString() ?? '';
      try {
        this.apply(partition, name, value === null ? null : value.toString());
      } catch (error) {
        // Of a newer version, or damaged. Without the entity an order that refers to it is flagged.
        this.options.logger.error({ err: error, partition, offset }, 'a record of the versions topic cannot be read');
        this.catalog.truncated = true;
        this.forget(name);
      }
    }
    this.header = undefined;
  }

  private apply(partition: number, key: string, value: string | null): void {
    const record = decodeCatalogRecord(key, value, this.options.limits);
    if (record.kind === 'entity') this.catalog.set(record.item);
    else if (record.kind === 'deleted') this.catalog.delete(record.entity, record.id);
    else if (record.position !== undefined) {
      if (record.position.isCut) this.catalog.truncated = true;
      this.progress.advance(partition, record.position.rawOffset, performance.now());
    }
  }

  private forget(key: string): void {
    const [entity, id] = key.split('/');
    if ((entity === 'vendor' || entity === 'product') && id !== undefined) this.catalog.delete(entity, id);
  }

  private startCatchUp(): CatchUp {
    const startedAt = ++this.ticks;
    const done = this.untilEvaluatedAndRead().then((outcome) => {
      if (outcome === 'complete') this.completeAt = Math.max(this.completeAt, startedAt);
      return outcome;
    });
    const catchUp = { startedAt, done };
    // All batches that wait for it may have been aborted: the rejection must not be unhandled.
    done
      .catch(() => undefined)
      .finally(() => {
        if (this.catchUp === catchUp) this.catchUp = undefined;
      });
    return catchUp;
  }

  private async untilEvaluatedAndRead(): Promise<'complete' | 'behind'> {
    const { waitMs } = this.options;
    const ends = await endsToAwait(this.progress.rawOffsets, async () => {
      const [{ beginnings }, highWatermarks] = await Promise.all([
        fetchLogBounds(this.connected, rawTopic('catalog')),
        this.rawEnds.fetch(),
      ]);
      return { beginnings, highWatermarks };
    });
    if (ends === undefined) return 'behind';
    // Not before the first look at the progress: without any, the catalog is behind when the wait ends.
    const startedMs = performance.now();
    for (let nowMs = startedMs; ; nowMs = performance.now()) {
      if (this.follower.failed !== undefined) throw this.follower.failed;
      const awaited = this.progress.awaited(ends, nowMs);
      if (awaited !== 'waiting') return awaited;
      if (nowMs - startedMs >= waitMs) throw new CatalogTimeoutError(waitMs);
      await delay(POLL_MS);
    }
  }

  private get connected(): Admin {
    if (this.admin === undefined) throw new TypeError('the catalog reader has not been started');
    return this.admin;
  }
}

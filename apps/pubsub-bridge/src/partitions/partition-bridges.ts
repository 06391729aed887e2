import {
  ack,
  type BatchOutcome,
  type KafkaBatchServer,
  partitionName,
  type PartitionHooks,
  type TopicPartition,
  type RecordBatch,
  retry,
  stop,
  TransactionFailedError,
} from '@orderstream/kafka';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { Logger } from '@orderstream/observability';

import { type CommitState, readCommitState, rewoundTo, writeCommitState } from '../gaps/commit-metadata';
import type { PartitionGaps, SubscriptionGaps } from '../gaps/subscription-gaps';
import { differenceOf, type Transactions } from './log-position';
import { PartitionBridge, type PartitionBridgeDependencies } from './partition-bridge';
import { TopicRejectsAllError } from './rejection-policy';

/** How long a partition waits after a failure, in milliseconds; the server adds jitter and backs off. */
const RETRY_AFTER_MS = 1_000;
/** After another owner has fenced this one. The rebalance must arrive first, or the two fence each other. */
const FENCED_RETRY_AFTER_MS = 3_000;
/** How long a partition without anything to commit may not notice that a command has moved its offset. */
const CHECK_INTERVAL_MS = 30_000;

/** An open partition: its bridge, and the transactions that its offsets are committed by. */
interface OpenPartition {
  readonly bridge: PartitionBridge;
  readonly transactions: Transactions;
  readonly gaps: PartitionGaps;
  committed: number | undefined;
  /** `changes` of the gaps that are committed. */
  committedChanges: number;
  /** When it was last known that nobody else had committed, in milliseconds of `now`. */
  checkedMs: number;
  /** The last of the commits that run or wait. */
  committing: Promise<void> | undefined;
}

/** The partition is committed at an earlier offset, so that what lies between would be left out. */
export class RewindRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
  constructor(partition: TopicPartition, offset: number, committed: number) {
    super(
      `${partitionName(partition)} is published again from offset ${String(committed)} already, which is committed: from ` +
        `${String(offset)} on, records before it would be left out. Nothing was changed.`,
    );
  }
}

/**
 * The bridges of the assigned partitions, and the commits of their offsets.
 *
 * Failure semantics: an opening fences the partition's former owner, and only then reads the committed offset. Offsets are
 * committed at an interval and after a drain, each in one transaction, so that a former owner, or one that an operator's
 * command has fenced, commits none any more. When a commit fails, the partition opens again at the committed offset, and
 * what was published since is published twice. An offset that was committed for another log stops the partition. The gaps of
 * the subscription are committed with the offset, and the next owner reads them at its opening. A partition without anything to
 * commit compares the committed offset with its own every 30 s, and opens again at the one that a command has set.
 */
export class PartitionBridges implements PartitionHooks {
  private readonly opened = new Map<string, OpenPartition>();
  /** Bridges with a pending `take` or `drain`, which reports their failure. */
  private readonly awaited = new Set<PartitionBridge>();
  /** The rewinds that are not committed yet, by partition. */
  private readonly rewinding = new Map<string, Promise<void>>();
  private server: Pick<KafkaBatchServer, 'interrupt'> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly dependencies: () => PartitionBridgeDependencies,
    /** Fences the partition's former owner, then reads the committed offset. */
    private readonly openTransactions: (partition: TopicPartition) => Promise<Transactions>,
    private readonly gaps: SubscriptionGaps,
    private readonly commitIntervalMs: number,
    private readonly logger: Logger,
    /** A monotonic clock, in milliseconds. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Failures are reported to this server, and offsets are committed from now on. */
  attach(server: Pick<KafkaBatchServer, 'interrupt'>): void {
    this.server = server;
    this.timer = setInterval(() => {
      for (const one of this.opened.values()) if (one.committing === undefined) void this.commit(one);
    }, this.commitIntervalMs);
    this.timer.unref();
  }

  detach(): void {
    clearInterval(this.timer);
  }

  /** @throws LogMismatchError; what the broker rejects with */
  async open(partition: TopicPartition): Promise<number | undefined> {
    const name = partitionName(partition);
    // The offset to begin at is read after these.
    while (this.rewinding.has(name)) await this.rewinding.get(name);
    const transactions = await this.openTransactions(partition);
    const { committed } = transactions;
    const difference = differenceOf(partition, committed);
    if (difference !== undefined) {
      await transactions.close();
      throw difference;
    }
    const bridge: PartitionBridge = new PartitionBridge(partition, this.dependencies(), (error) => {
      if (this.awaited.has(bridge)) return;
      this.server?.interrupt(partition, outcomeOf(error));
    });
    const open: OpenPartition = {
      bridge,
      transactions,
      gaps: this.gaps.opened(partition, stateAtOpening(committed), committed.offset, () => ({
        first: bridge.published?.first ?? open.committed,
        acknowledged: bridge.published?.acknowledged ?? open.committed,
        taken: bridge.published?.taken ?? open.committed,
      })),
      committed: committed.offset,
      committedChanges: 0,
      checkedMs: this.now(),
      committing: undefined,
    };
    this.opened.set(name, open);
    return committed.offset;
  }

  /** Handles a batch. `ack` asks for the next one; the bridge tracks which records are settled. */
  async take(batch: RecordBatch, partition: TopicPartition): Promise<BatchOutcome> {
    const bridge = this.opened.get(partitionName(partition))?.bridge;
    if (bridge === undefined) {
      return retry(RETRY_AFTER_MS, new Error(`partition ${partitionName(partition)} is not open`));
    }
    this.awaited.add(bridge);
    try {
      await bridge.take(batch);
      return ack();
    } catch (error) {
      return outcomeOf(error);
    } finally {
      this.awaited.delete(bridge);
    }
  }

  async drain(partition: TopicPartition, signal: AbortSignal): Promise<void> {
    const open = this.opened.get(partitionName(partition));
    if (open === undefined) return;
    const { bridge } = open;
    this.awaited.add(bridge);
    try {
      await bridge.drain(signal);
    } catch (error) {
      const { unacknowledged } = bridge;
      this.logger.warn({ ...partition, unacknowledged, err: error }, 'partition not drained; it is read again');
    } finally {
      this.awaited.delete(bridge);
    }
    await this.commit(open);
  }

  async close(partition: TopicPartition): Promise<void> {
    const name = partitionName(partition);
    const open = this.opened.get(name);
    if (open === undefined) return;
    this.opened.delete(name);
    this.gaps.closed(open.gaps);
    open.bridge.close();
    await open.transactions.close();
  }

  /**
   * Commits an earlier offset and opens the partition again. A stopped partition stays stopped.
   *
   * The bridge is closed and fenced first, and the partition does not open before the commit is answered, so that no commit
   * of a later offset can follow it. Of several rewinds each begins when the one before has ended.
   *
   * @throws RewindRejectedError when an earlier offset is committed already
   */
  async rewind(partition: TopicPartition, offset: number): Promise<void> {
    const name = partitionName(partition);
    const before = this.rewinding.get(name) ?? Promise.resolve();
    const committed = before.then(() => this.commitRewind(partition, offset));
    // `open` and the next rewind only wait for it.
    const ended = committed.catch(() => undefined);
    this.rewinding.set(name, ended);
    try {
      await committed;
    } finally {
      if (this.rewinding.get(name) === ended) this.rewinding.delete(name);
      const cause = new Error(`an operator asked to publish ${name} again from offset ${String(offset)}`);
      this.server?.interrupt(partition, retry(0, cause));
    }
  }

  /**
   * Forgets the gaps of an open partition, and commits that.
   *
   * @returns whether it is committed; the partition opens again otherwise, with the gaps that it had
   */
  async dismissGaps(partition: TopicPartition): Promise<boolean> {
    const open = this.opened.get(partitionName(partition));
    if (open === undefined) return false;
    open.gaps.dismiss();
    const { changes } = open.gaps;
    await this.commit(open);
    return open.committedChanges >= changes;
  }

  private async commitRewind(partition: TopicPartition, offset: number): Promise<void> {
    const known = this.opened.get(partitionName(partition))?.gaps.state;
    await this.close(partition);
    const transactions = await this.openTransactions(partition);
    const { offset: committed, metadata, topicId: log } = transactions.committed;
    try {
      if (committed !== undefined && offset > committed) throw new RewindRejectedError(partition, offset, committed);
      const state = rewoundTo(offset, known ?? readCommitState(metadata));
      await transactions.commit({ records: [], offset, metadata: writeCommitState({ ...state, log }) });
    } finally {
      await transactions.close();
    }
  }

  firstUnsettledOffset(partition: TopicPartition): number | undefined {
    return this.opened.get(partitionName(partition))?.bridge.committable();
  }

  all(): readonly PartitionBridge[] {
    return [...this.opened.values()].map(({ bridge }) => bridge);
  }

  private commit(open: OpenPartition): Promise<void> {
    const commit: Promise<void> = (open.committing ?? Promise.resolve())
      .then(() => this.commitNow(open))
      .finally(() => {
        if (open.committing === commit) open.committing = undefined;
      });
    return (open.committing = commit);
  }

  private async commitNow(open: OpenPartition): Promise<void> {
    const { bridge, transactions, gaps } = open;
    const { changes } = gaps;
    const offset = bridge.committable() ?? open.committed;
    if (offset === undefined || (offset === open.committed && changes === open.committedChanges)) {
      await this.checkOwner(open);
      return;
    }
    const metadata = writeCommitState({ ...gaps.state, log: transactions.committed.topicId });
    try {
      await transactions.commit({ records: [], offset, metadata });
      open.committed = offset;
      open.committedChanges = changes;
      open.checkedMs = this.now();
    } catch (error) {
      this.openAgain(open, error, 'could not commit; the partition opens again');
    }
  }

  private async checkOwner(open: OpenPartition): Promise<void> {
    if (this.now() - open.checkedMs < CHECK_INTERVAL_MS) return;
    open.checkedMs = this.now();
    try {
      await open.transactions.assertCurrent();
    } catch (error) {
      if (error instanceof TransactionFailedError) {
        this.openAgain(open, error, 'a command or another instance has moved the offset; the partition opens again');
        return;
      }
      const { partition } = open.bridge;
      this.logger.warn({ ...partition, err: error }, 'the committed offset could not be compared; it is tried again');
    }
  }

  private openAgain(open: OpenPartition, error: unknown, message: string): void {
    const { partition } = open.bridge;
    // A closed partition is fenced, or opens again anyway.
    if (this.opened.get(partitionName(partition)) !== open) return;
    this.logger.warn({ ...partition, offset: open.committed, err: error }, message);
    const isFenced = error instanceof TransactionFailedError && error.fenced;
    this.server?.interrupt(partition, retry(isFenced ? FENCED_RETRY_AFTER_MS : RETRY_AFTER_MS, error));
  }
}

/** A tool may have moved the offset to an earlier one, and not the metadata. */
function stateAtOpening({ offset, metadata }: Transactions['committed']): CommitState {
  const state = readCommitState(metadata);
  if (offset === undefined) return state;
  // What begins at the offset itself may be a gap in which nothing was published: it stays.
  const { gaps } = rewoundTo(offset + 1, state);
  return { ...rewoundTo(offset, state), gaps };
}

/** The topic is at fault: an operator corrects it. Any other failure may pass. */
const outcomeOf = (error: unknown): BatchOutcome =>
  error instanceof TopicRejectsAllError ? stop(error) : retry(RETRY_AFTER_MS, error);

import type { OutputRecord } from '@orderstream/kafka';

import { encodeMetadata, type SinkPosition } from './position';
import type { Recovered } from './recovery';
import type { PartitionSinkDependencies, Transactions } from './sink-dependencies';
import type { SinkLifecycle } from './sink-lifecycle';
import type { Appender } from './warehouse';

/** The write stream that continues at the position. */
export interface OpenStream {
  readonly name: string;
  /** Acknowledged rows: the stream offset of the position. */
  rows: number;
  /** Stream offset of the next append. */
  next: number;
  /** When the stream was created, in milliseconds of `performance.now()`. */
  readonly createdAtMs: number;
  appender: Appender;
}

interface Commit {
  readonly position: SinkPosition;
  readonly records: readonly OutputRecord[];
}

/** The partition's position and its commits. Commits run one after the other, each in one transaction. */
export class Progress {
  /** First offset that is neither durable nor dead-lettered. */
  position = 0;
  stream: OpenStream | undefined;
  private topicId: string | undefined;
  private committedOffset = -1;
  private transactions: Transactions | undefined;
  private commits: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly dependencies: Pick<PartitionSinkDependencies, 'faults' | 'limits'>,
    private readonly lifecycle: SinkLifecycle,
  ) {}

  /** Last offset known to be committed; -1 if there is none. */
  get committed(): number {
    return this.committedOffset;
  }

  begin(transactions: Transactions, { offset, topicId }: Recovered): void {
    this.transactions = transactions;
    this.committedOffset = transactions.committed.offset ?? -1;
    this.position = offset;
    this.topicId = topicId;
  }

  /** Every record before `offset` is settled. */
  advanceTo(offset: number): void {
    this.position = Math.max(this.position, offset);
  }

  /** A position at `offset`, with the stream that continues there. */
  positionAt(offset: number, stream: { readonly name: string; readonly rows: number } | undefined): SinkPosition {
    return {
      offset,
      stream: stream === undefined ? undefined : { name: stream.name, rows: stream.rows },
      topicId: this.topicId,
    };
  }

  /**
   * Commits what `contents` returns once all earlier commits are done; nothing if it returns undefined.
   * Rejects if the commit failed or its outcome is unknown. The sink has to fail then.
   */
  commit(contents: () => Commit | undefined): Promise<void> {
    const committing = this.commits.then(async () => {
      this.lifecycle.assertActive();
      const { transactions } = this;
      const commit = contents();
      if (transactions === undefined || commit === undefined) return;
      const { position, records } = commit;
      await this.dependencies.faults.reach('commit-begun');
      await transactions.commit({ records, offset: position.offset, metadata: encodeMetadata(position) });
      this.committedOffset = position.offset;
      await this.dependencies.faults.reach('committed');
    });
    this.commits = committing.catch(() => undefined);
    return committing;
  }

  /** Commits the position if it has advanced. Rejects as `commit` does. */
  commitPosition(): Promise<void> {
    return this.commit(() =>
      this.position > this.committedOffset
        ? { position: this.positionAt(this.position, this.stream), records: [] }
        : undefined,
    );
  }

  /** Commits the position within `commitIntervalMs`. */
  scheduleCommit(): void {
    if (this.timer !== undefined || !this.lifecycle.isActive) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!this.lifecycle.isActive) return;
      this.commitPosition().catch((error: unknown) => {
        this.lifecycle.fail(error);
      });
    }, this.dependencies.limits.commitIntervalMs);
  }

  /** Stops scheduled commits and closes the append connection. */
  close(): void {
    clearTimeout(this.timer);
    this.stream?.appender.close();
  }
}

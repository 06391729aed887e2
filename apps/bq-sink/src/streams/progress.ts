import type { OutputRecord } from '@orderstream/kafka';

import { Exclusions } from './exclusions';
import { encodeMetadata, type SinkPosition } from './position';
import type { Recovered } from './recovery';
import type { SinkLife } from './sink-life';
import type { PartitionSinkParts, Transactions } from './sink-parts';
import type { Appender } from './warehouse';

/** The write stream that continues at the position. */
export interface OpenStream {
  readonly name: string;
  /** Rows acknowledged: the stream offset of the position. */
  rows: number;
  /** Stream offset of the next append. */
  next: number;
  appender: Appender;
}

interface Writes {
  readonly position: SinkPosition;
  readonly records: readonly OutputRecord[];
}

/** How far a partition is, and the commits that say so: one transaction after the other, each with all of it. */
export class Progress {
  /** First offset that is neither durable nor dead-lettered. */
  position = 0;
  /** Dead-lettered offsets at the position and behind it. */
  exclusions = Exclusions.NONE;
  stream: OpenStream | undefined;
  private topicId: string | undefined;
  private committedOffset = -1;
  private transactions: Transactions | undefined;
  private commits: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: PartitionSinkParts,
    private readonly life: SinkLife,
  ) {}

  /** Last offset known to be committed; -1: none. */
  get committed(): number {
    return this.committedOffset;
  }

  begin(transactions: Transactions, { offset, exclusions, topicId }: Recovered): void {
    this.transactions = transactions;
    this.committedOffset = transactions.committed.offset ?? -1;
    this.position = offset;
    this.exclusions = exclusions;
    this.topicId = topicId;
  }

  /** Everything before `offset` is settled. */
  passTo(offset: number): void {
    this.position = Math.max(this.position, offset);
    this.exclusions = this.exclusions.from(this.position);
  }

  /** What a commit says: `offset`, the stream that continues there, and the exclusions from there on. */
  at(
    offset: number,
    stream: { readonly name: string; readonly rows: number } | undefined,
    exclusions: Exclusions = this.exclusions,
  ): SinkPosition {
    return {
      offset,
      stream: stream === undefined ? undefined : { name: stream.name, rows: stream.rows },
      exclusions: exclusions.from(offset),
      topicId: this.topicId,
    };
  }

  /**
   * Commits what `contents` says when its turn comes; nothing when it says undefined.
   * Rejects when it is not known to be committed: then this sink is over.
   */
  commit(contents: () => Writes | undefined): Promise<void> {
    const turn = this.commits.then(async () => {
      this.life.check();
      const { transactions } = this;
      const writes = contents();
      if (transactions === undefined || writes === undefined) return;
      const { position, records } = writes;
      await this.parts.faults.reach('commit-begun');
      await transactions.commit({ records, offset: position.offset, metadata: encodeMetadata(position) });
      this.committedOffset = position.offset;
      await this.parts.faults.reach('committed');
    });
    this.commits = turn.catch(() => undefined);
    return turn;
  }

  /** The steady commit, within `commitIntervalMs`. */
  scheduleCommit(): void {
    if (this.timer !== undefined || !this.life.isAlive) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!this.life.isAlive) return;
      this.commit(() =>
        this.position > this.committedOffset
          ? { position: this.at(this.position, this.stream), records: [] }
          : undefined,
      ).catch((error: unknown) => {
        this.life.fail(error);
      });
    }, this.parts.limits.commitIntervalMs);
  }

  /** Nothing more is committed or appended. */
  letGo(): void {
    clearTimeout(this.timer);
    this.stream?.appender.close();
  }
}

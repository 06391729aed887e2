import type { CommittedOffset } from '@orderstream/kafka';
import type { CatalogVersions, PartitionState } from '@orderstream/quality';
import type { PartitionMemory } from './batch-changes';
import { tokenOf } from './commit-metadata';

/** A commit of a partition's offset. The token identifies it among the commits of all instances. */
interface Commit {
  /** The next offset to read. Undefined: nothing was ever committed. */
  readonly offset: number | undefined;
  /** Undefined where a validator did not write the commit's metadata. */
  readonly token: string | undefined;
}

/** A batch whose transaction may or may not be committed. */
export interface UnknownOutcome {
  readonly changes: { fold(nextOffset: number): void };
  readonly offset: number;
  readonly token: string;
}

/** What a partition remembers, in memory, with the commit that it belongs to. */
export class RestoredState implements PartitionMemory {
  private commit: Commit;
  private unknownOutcome: UnknownOutcome | undefined;

  constructor(
    readonly state: PartitionState,
    committed: CommittedOffset,
    readonly versions?: CatalogVersions,
  ) {
    this.commit = { offset: committed.offset, token: tokenOf(committed.metadata) };
  }

  /** To be called before a commit is sent: its outcome is unknown from then on. */
  begin(changes: UnknownOutcome['changes'], offset: number, token: string): UnknownOutcome {
    this.unknownOutcome = { changes, offset, token };
    return this.unknownOutcome;
  }

  /** To be called when the batch is known to be committed: makes its changes part of the state. */
  fold({ changes, offset, token }: UnknownOutcome): void {
    changes.fold(offset);
    this.commit = { offset, token };
    this.unknownOutcome = undefined;
  }

  /**
   * Decides an unknown outcome by what is committed. Both offset and token must match: the batch's own commit folds its
   * changes, the commit before it discards them.
   * @returns false if the state is of neither commit and has to be restored
   */
  settle(committed: CommittedOffset): boolean {
    const token = tokenOf(committed.metadata);
    const isCommitted = (commit: Commit): boolean => committed.offset === commit.offset && token === commit.token;
    if (this.unknownOutcome !== undefined && isCommitted(this.unknownOutcome)) {
      this.fold(this.unknownOutcome);
      return true;
    }
    if (!isCommitted(this.commit)) return false;
    this.unknownOutcome = undefined;
    return true;
  }
}

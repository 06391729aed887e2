import type { TransactionWrites } from '@orderstream/kafka';

import type { CommitReason } from '../model/state';
import type { Transactions } from '../../src/streams/sink-parts';

/** A commit that is on its way: its writes are with the coordinator, and take effect or never do. */
export interface PendingCommit {
  readonly by: object;
  readonly reason: CommitReason;
  readonly writes: TransactionWrites;
  /** Otherwise it goes the consumer's way, which no fence stops. */
  readonly inTransaction: boolean;
  readonly answer: PromiseWithResolvers<undefined>;
}

/** Kafka's side of one partition: the transactions of its producer, and what its group has committed. */
export class Coordinator {
  committed: Transactions['committed'] = { offset: undefined, metadata: undefined };
  /** Offsets of dead letters, in the order of their commits. */
  readonly deadLetters: number[] = [];
  pending: PendingCommit[] = [];
  /** Whose producer was opened last. */
  owner: object | undefined;
  /** Commits take effect as they come. */
  private isQuiet = false;
  private readonly aborted: PendingCommit[] = [];
  /** Answers that are late, by whom they are for. */
  private readonly late: { readonly to: string; readonly commit: PendingCommit }[] = [];

  /** @param fences false: transactional ids are the instances' own */
  constructor(private readonly fences: boolean) {}

  /** InitProducerId: the transactions of older producers are aborted, and they begin no others. */
  fence(by: object): void {
    this.owner = by;
    if (!this.fences) return;
    this.aborted.push(...this.pending.filter(({ inTransaction }) => inTransaction));
    this.pending = this.pending.filter(({ inTransaction }) => !inTransaction);
    if (this.isQuiet) this.answerAborted();
  }

  /** Resolves when the commit is answered. */
  begin(commit: Omit<PendingCommit, 'answer'>): Promise<void> {
    const pending = { ...commit, answer: Promise.withResolvers<undefined>() };
    if (this.fences && commit.inTransaction && commit.by !== this.owner) {
      pending.answer.reject(new Error('fenced'));
    } else {
      this.pending.push(pending);
      if (this.isQuiet) this.apply(pending);
    }
    return pending.answer.promise;
  }

  /** It takes effect, and its sender hears of it if it still listens. */
  apply(commit: PendingCommit): void {
    this.carryOut(commit);
    commit.answer.resolve(undefined);
  }

  /** It takes effect, and the answer is late. */
  applyUnheard(commit: PendingCommit, to: string): void {
    this.carryOut(commit);
    this.late.push({ to, commit });
  }

  /** The oldest answer that is late for this process arrives. Returns whether there was one. */
  answerLate(to: string): boolean {
    const at = this.late.findIndex((each) => each.to === to);
    if (at < 0) return false;
    for (const { commit } of this.late.splice(at, 1)) commit.answer.resolve(undefined);
    return true;
  }

  /** What is on its way takes effect, and what was aborted is answered. */
  calmDown(): void {
    this.isQuiet = true;
    for (const commit of [...this.pending]) this.apply(commit);
    for (const { commit } of this.late.splice(0)) commit.answer.resolve(undefined);
    this.answerAborted();
  }

  private carryOut(commit: PendingCommit): void {
    const { records, offset, metadata } = commit.writes;
    this.pending = this.pending.filter((other) => other !== commit);
    this.deadLetters.push(...records.map(({ headers }) => Number(headers['dlq-source-offset'])));
    this.committed = { offset, metadata };
  }

  private answerAborted(): void {
    for (const { answer } of this.aborted.splice(0)) {
      answer.promise.catch(() => undefined);
      answer.reject(new Error('fenced while it commits'));
    }
  }
}

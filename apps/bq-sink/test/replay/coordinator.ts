import type { TransactionWrites } from '@orderstream/kafka';

import type { CommitReason } from '../model/state';
import type { Transactions } from '../../src/streams/sink-dependencies';

/** A commit request that the coordinator has received and not applied. */
export interface PendingCommit {
  readonly by: object;
  readonly reason: CommitReason;
  readonly writes: TransactionWrites;
  /** False for a commit by the consumer, which is not fenced. */
  readonly inTransaction: boolean;
  readonly answer: PromiseWithResolvers<undefined>;
}

/** Kafka's side of one partition: the transactions of its producers, and the position committed for the group. */
export class Coordinator {
  committed: Transactions['committed'] = { offset: undefined, metadata: undefined };
  /** Offsets of the dead letters, in the order of their commits. */
  readonly deadLetters: number[] = [];
  pending: PendingCommit[] = [];
  /** The process that opened its producer last. */
  owner: object | undefined;
  private appliesAtOnce = false;
  private readonly aborted: PendingCommit[] = [];
  /** Applied commits whose answers are late. */
  private readonly lateAnswers: { readonly to: string; readonly commit: PendingCommit }[] = [];

  /** @param fences false if each instance has its own transactional id */
  constructor(private readonly fences: boolean) {}

  /** InitProducerId: aborts the transactions of older producers, and rejects new ones. */
  fence(by: object): void {
    this.owner = by;
    if (!this.fences) return;
    this.aborted.push(...this.pending.filter(({ inTransaction }) => inTransaction));
    this.pending = this.pending.filter(({ inTransaction }) => !inTransaction);
    if (this.appliesAtOnce) this.answerAborted();
  }

  /** Resolves when the commit is answered. */
  begin(commit: Omit<PendingCommit, 'answer'>): Promise<void> {
    const pending = { ...commit, answer: Promise.withResolvers<undefined>() };
    if (this.fences && commit.inTransaction && commit.by !== this.owner) {
      pending.answer.reject(new Error('fenced'));
    } else {
      this.pending.push(pending);
      if (this.appliesAtOnce) this.apply(pending);
    }
    return pending.answer.promise;
  }

  /** Applies the commit and answers it. */
  apply(commit: PendingCommit): void {
    this.takeEffect(commit);
    commit.answer.resolve(undefined);
  }

  /** Applies the commit and holds its answer. */
  applyWithLateAnswer(commit: PendingCommit, to: string): void {
    this.takeEffect(commit);
    this.lateAnswers.push({ to, commit });
  }

  /** Delivers the oldest late answer to this process. Returns whether there was one. */
  deliverLateAnswer(to: string): boolean {
    const at = this.lateAnswers.findIndex((each) => each.to === to);
    if (at < 0) return false;
    for (const { commit } of this.lateAnswers.splice(at, 1)) commit.answer.resolve(undefined);
    return true;
  }

  /** Applies and answers every pending commit, and every later one at once. */
  releaseAll(): void {
    this.appliesAtOnce = true;
    for (const commit of [...this.pending]) this.apply(commit);
    for (const { commit } of this.lateAnswers.splice(0)) commit.answer.resolve(undefined);
    this.answerAborted();
  }

  private takeEffect(commit: PendingCommit): void {
    const { records, offset, metadata } = commit.writes;
    this.pending = this.pending.filter((other) => other !== commit);
    this.deadLetters.push(...records.map(({ headers }) => Number(headers['dlq-source-offset'])));
    this.committed = { offset, metadata };
  }

  private answerAborted(): void {
    for (const { answer } of this.aborted.splice(0)) {
      answer.promise.catch(() => undefined);
      answer.reject(new Error('fenced during the commit'));
    }
  }
}

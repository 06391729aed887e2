import { type Kafka } from 'kafkajs';
import { Backoff } from '../backoff';
import { type Cluster, type ProducerIdentity, protocolCodeOf } from '../client/kafkajs-internals';
import { createSharingCluster } from '../client/shared-connections';
import { settledWithin } from '../delay';
import { OffsetUnstableError, TransactionFailedError } from '../errors';
import { type Chunk, chunkRecords } from '../produce/chunks';
import { type OutputRecord } from '../record';
import { type TopicPartition, transactionalIdOf } from '../topic-partition';
import { describeTopics } from '../topics/describe-topics';
import {
  isFencing,
  isPermanentRejection,
  isRejectedEnd,
  isUnanswered,
  retryOnCodes,
  throwRejection,
} from './broker-answers';
import { type CommittedOffset, readCommittedOffset } from './committed-offset';
import { Coordinators } from './coordinators';
import { LastTransaction } from './last-transaction';
import { openProducer } from './open-producer';
import { partitionsOf, TransactionalWriter } from './transactional-writer';
import { withTimeout } from '../with-timeout';

export interface PartitionTransactionsOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** The broker aborts a longer transaction; a longer commit fails. At most the broker's transaction.max.timeout.ms. */
  readonly transactionTimeoutMs: number;
  /** Bound of one produce request, in bytes. Default 1 MiB. At most the topics' max.message.bytes. */
  readonly maxRequestBytes?: number;
  /**
   * Bound of a stored record, in bytes. A larger record is compressed. Default maxRequestBytes. By topic, where topics
   * differ: it then bounds their record batches as well.
   */
  readonly maxRecordBytes?: number | ((topic: string) => number);
  /** Called for each transaction that fails, before `commit` rejects. */
  readonly onFailure?: (failure: TransactionFailedError, partition: TopicPartition) => void;
}

export interface TransactionWrites {
  readonly records: readonly OutputRecord[];
  /** The next offset to read. */
  readonly offset: number;
  /** At most 4,096 bytes of UTF-8. */
  readonly metadata?: string;
}

const MAX_METADATA_BYTES = 4_096;
const ABORT_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** Longest wait between attempts to open: it follows soon when a broker is back. */
const MAX_RETRY_MS = 1_000;
/** Retries of an opening end so long before its deadline: the broker's last answer is then not hidden by a timeout. */
const ANSWER_MS = 1_000;

/** How far a commit got. */
interface Progress {
  step: string;
  /** The broker may have a transaction to abort. */
  isBegun: boolean;
  /** The request to commit may have reached the broker. */
  isEnding: boolean;
}

/**
 * The transactions of the consumer of one partition: output records, the next offset to read and its metadata commit
 * together or not at all. The transactional id is group.topic.partition, so that opening a partition fences its previous
 * owner.
 *
 * Failure semantics: `open` raises the producer's epoch, which aborts or completes the previous owner's transaction, and
 * then reads the committed offset, and the topic id. After that no record or offset of a previous owner can be stored. `commit` resolves
 * when the transaction is committed. When it rejects, the error's `outcome` is `aborted`, and nothing of the transaction
 * counts, or `unknown`, when the request to commit was sent and not answered: `committed` of the next `open` shows which.
 * After a failed commit and after `close` every commit rejects. When the process is killed at any point, the next `open`
 * finds the whole transaction or nothing of it.
 *
 * A request that the broker may have carried out is never repeated, so no record is stored twice within a transaction.
 *
 * No transaction is open at the broker between commits (AddPartitionsToTxn comes with the first write), so an idle owner
 * does not hold back the last stable offset of its output partitions.
 */
export class PartitionTransactions {
  private readonly writer: TransactionalWriter;
  private readonly maxRequestBytes: number;
  private failure: TransactionFailedError | undefined;
  private isBusy = false;
  private isClosed = false;
  /** The committed offset as of the last commit, or as of `open`. */
  private last: CommittedOffset;

  private constructor(
    private readonly cluster: Cluster,
    private readonly coordinators: Coordinators,
    private readonly identity: ProducerIdentity,
    private readonly options: PartitionTransactionsOptions,
    readonly committed: CommittedOffset,
  ) {
    this.writer = new TransactionalWriter(cluster, identity, options.transactionTimeoutMs);
    this.maxRequestBytes = options.maxRequestBytes ?? 1_048_576;
    this.last = committed;
  }

  /**
   * Takes at most three times `transactionTimeoutMs`.
   *
   * @throws OffsetUnstableError; the broker's last answer; an error of the connection or TimeoutError when there was none
   */
  static async open(kafka: Kafka, options: PartitionTransactionsOptions): Promise<PartitionTransactions> {
    const { groupId, topic, partition, transactionTimeoutMs } = options;
    const transactionalId = transactionalIdOf(groupId, options);
    const deadline = performance.now() + 3 * transactionTimeoutMs;
    const lastRetry = deadline - ANSWER_MS;
    const backoff = new Backoff(50, MAX_RETRY_MS);
    const last = new LastTransaction();
    let answer: unknown;
    for (;;) {
      const cluster = createSharingCluster(kafka, transactionalId);
      try {
        return await withTimeout(deadline - performance.now(), `Opening ${transactionalId}`, async () => {
          await cluster.connect();
          await cluster.addMultipleTargetTopics([topic]);
          const coordinators = new Coordinators(cluster, transactionalId, groupId);
          const producer = { groupId, topic, partition, transactionTimeoutMs };
          const { identity, offset } = await openProducer(coordinators, producer, last, lastRetry);
          // After the offset: that of a deleted topic is then never taken for one of the topic that has this id.
          const topicId = (await describeTopics(cluster, [topic])).get(topic)?.id;
          return new PartitionTransactions(cluster, coordinators, identity, options, { ...offset, topicId });
        });
      } catch (error) {
        void cluster.disconnect().catch(() => undefined);
        if (isPermanentRejection(error) || error instanceof OffsetUnstableError) throw error;
        if (protocolCodeOf(error) !== undefined) answer = error;
        // A last attempt without time for an answer must not hide what the broker has answered until now.
        if (performance.now() >= lastRetry) throw answer ?? error;
        await backoff.wait();
      }
    }
  }

  /**
   * Runs one transaction. One commit runs at a time.
   *
   * @throws TransactionFailedError; RecordTooLargeError and RangeError, which leave this object usable
   */
  async commit(writes: TransactionWrites): Promise<void> {
    this.assertUsable();
    if (this.isClosed || this.isBusy) {
      throw new Error(`${this.transactionalId} is ${this.isClosed ? 'closed' : 'already committing'}`);
    }
    if (writes.metadata !== undefined && Buffer.byteLength(writes.metadata) > MAX_METADATA_BYTES) {
      throw new RangeError(
        `The offset metadata of ${this.transactionalId} is larger than ${MAX_METADATA_BYTES.toString()} bytes`,
      );
    }
    const chunks = chunkRecords(writes.records, this.maxRequestBytes, this.options.maxRecordBytes);
    const deadline = performance.now() + this.options.transactionTimeoutMs;
    const progress: Progress = { step: 'beginning', isBegun: false, isEnding: false };
    this.isBusy = true;
    try {
      await withTimeout(this.options.transactionTimeoutMs, `The commit of ${this.transactionalId}`, () =>
        this.run(chunks, writes, deadline, progress),
      );
      this.last = {
        offset: writes.offset,
        metadata: writes.metadata === '' ? undefined : writes.metadata,
      };
    } catch (cause) {
      throw this.fail(cause, progress);
    } finally {
      this.isBusy = false;
    }
  }

  /**
   * Checks that the committed offset is still the one that this object found or committed. Call it before an unexpected
   * state is reported as an error: a newer owner may have fenced this one, and have changed that state.
   *
   * @throws TransactionFailedError when another owner has committed
   */
  async assertCurrent(): Promise<void> {
    const { transactionTimeoutMs } = this.options;
    const deadline = performance.now() + transactionTimeoutMs;
    const { offset, metadata } = await withTimeout(
      transactionTimeoutMs,
      `Reading the committed offset of ${this.transactionalId}`,
      () => readCommittedOffset(this.coordinators, this.options.groupId, this.options, deadline),
    );
    if (offset === this.last.offset && metadata === this.last.metadata) return;
    throw new TransactionFailedError(
      `Another owner of ${this.transactionalId} has committed offset ${String(offset)}; this one had ${String(this.last.offset)}`,
      'aborted',
      true,
    );
  }

  /** Takes at most a second. The next owner aborts an unfinished commit, or the broker does after its timeout. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.failure ??= new TransactionFailedError(`${this.transactionalId} was closed`, 'unknown', false);
    await settledWithin(CLOSE_TIMEOUT_MS, this.cluster.disconnect());
  }

  private get transactionalId(): string {
    return this.identity.transactionalId;
  }

  private assertUsable(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async run(
    chunks: readonly Chunk[],
    writes: TransactionWrites,
    deadline: number,
    progress: Progress,
  ): Promise<void> {
    const { identity } = this;
    const { groupId } = this.options;
    const coordinator = await this.coordinators.ofTransactions();
    const topics = partitionsOf(chunks);
    if (topics.length > 0) {
      progress.step = 'adding partitions';
      await this.cluster.addMultipleTargetTopics(topics.map(({ topic }) => topic));
      progress.isBegun = true;
      await retryOnCodes(() => coordinator.addPartitionsToTxn({ ...identity, topics }), deadline);
    }
    progress.step = 'adding offsets';
    this.assertUsable();
    progress.isBegun = true;
    await retryOnCodes(() => coordinator.addOffsetsToTxn({ ...identity, groupId }), deadline);
    progress.step = 'writing';
    const written = await Promise.allSettled([this.writeRecords(chunks), this.writeOffset(writes, deadline)]);
    throwRejection(written);
    progress.step = 'ending';
    this.assertUsable();
    progress.isEnding = true;
    await retryOnCodes(() => coordinator.endTxn({ ...identity, transactionResult: true }), deadline);
    // After a close during the request the partition may be open again: its new owner has read the outcome already.
    this.assertUsable();
  }

  private async writeRecords(chunks: readonly Chunk[]): Promise<void> {
    for (const chunk of chunks) {
      this.assertUsable();
      await this.writer.write(chunk);
    }
  }

  private async writeOffset(writes: TransactionWrites, deadline: number): Promise<void> {
    const { topic, partition, groupId } = this.options;
    const group = await this.coordinators.ofGroup();
    const offset = { partition, offset: writes.offset.toString(), metadata: writes.metadata ?? null };
    await retryOnCodes(
      () => group.txnOffsetCommit({ ...this.identity, groupId, topics: [{ topic, partitions: [offset] }] }),
      deadline,
    );
  }

  private fail(cause: unknown, progress: Progress): TransactionFailedError {
    const fenced = isFencing(cause);
    const outcome = progress.isEnding && !isRejectedEnd(cause) ? 'unknown' : 'aborted';
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = fenced ? 'Another instance owns the partition now.' : 'If this repeats, check the brokers.';
    const error = new TransactionFailedError(
      `The transaction of ${this.transactionalId} failed while ${progress.step} (outcome: ${outcome}): ${why}. ${advice}`,
      outcome,
      fenced,
      { cause },
    );
    this.failure = error;
    this.options.onFailure?.(error, { topic: this.options.topic, partition: this.options.partition });
    // A write without an answer may still be on its way. An abort must not overtake it: the write would begin a transaction
    // that nothing ends before the broker's timeout, or the next opening.
    const canAbort = progress.isBegun && outcome === 'aborted' && !fenced && !isUnanswered(cause);
    void this.abortAndClose(canAbort);
    return error;
  }

  /** Aborts the transaction, so that readers of the outputs need not wait for the broker's timeout. Best effort. */
  private async abortAndClose(canAbort: boolean): Promise<void> {
    if (canAbort) {
      const aborting = this.coordinators
        .ofTransactions()
        .then((coordinator) => coordinator.endTxn({ ...this.identity, transactionResult: false }));
      await settledWithin(ABORT_TIMEOUT_MS, aborting);
    }
    await this.close();
  }
}

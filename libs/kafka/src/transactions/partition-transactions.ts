import { CompressionTypes, type Kafka } from 'kafkajs';
import { type Cluster, createCluster, type ProducerIdentity, protocolCodeOf } from '../client/kafkajs-internals';
import { TransactionFailedError } from '../errors';
import { type Chunk, chunkRecords } from '../produce/chunks';
import { Backoff, settledWithin } from '../read/backoff';
import { type OutputRecord, type PartitionRef } from '../record';
import { fetchStableOffset } from './stable-offset-fetch';
import {
  Coordinators,
  ELSEWHERE_OR_NOT_YET,
  initProducer,
  isFencing,
  isRejectedEnd,
  untilAccepted,
} from './transaction-coordinator';

export interface PartitionTransactionsOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** The broker aborts a transaction that is open for longer; a commit that takes longer fails. Below the broker's transaction.max.timeout.ms. */
  readonly transactionTimeoutMs: number;
  /** Bound of one produce request, in bytes. Default 1 MiB; below the topics' max.message.bytes. */
  readonly maxRequestBytes?: number;
  /** Bound of a stored record, in bytes: one above maxRequestBytes goes alone, one above this compressed. Default maxRequestBytes. */
  readonly maxRecordBytes?: number;
  /** Told of each transaction that fails, before `commit` rejects. */
  readonly onFailure?: (failure: TransactionFailedError, partition: PartitionRef) => void;
}

/** The group's committed position of the partition. Both undefined: nothing was ever committed. */
export interface CommittedPosition {
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
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

/**
 * The transactions of one consumer of one partition: outputs, the next offset to read and its metadata commit together
 * or not at all. transactionalId = group.topic.partition, so that whoever opens the partition fences whoever had it.
 *
 * Failure semantics: `open` raises the producer's epoch, which ends or completes what the previous owner had begun, and
 * only then reads the committed position; from then on nothing of a previous owner can be stored. `commit` resolves when
 * the transaction is committed. When it rejects, the error says whether nothing of it counts ('aborted') or whether that
 * is not known ('unknown': the request to commit was sent and not answered); open again and `committed` tells. After a
 * failure, and when it was closed meanwhile, this object rejects everything. Killed at any point: the next `open` finds all of the transaction or nothing.
 *
 * Nothing is retried that the broker may have done; so no record is stored twice within a transaction.
 *
 * Between commits there is no transaction at the broker (AddPartitionsToTxn comes with the first write), so an idle
 * owner does not hold back the last stable offset of its output partitions.
 */
export class PartitionTransactions {
  private readonly sequences = new Map<string, number>();
  private readonly maxRequestBytes: number;
  private failure: TransactionFailedError | undefined;
  private busy = false;
  private closed = false;
  /** What it has committed last, or found committed. */
  private last: CommittedPosition;

  private constructor(
    private readonly cluster: Cluster,
    private readonly coordinators: Coordinators,
    private readonly identity: ProducerIdentity,
    private readonly options: PartitionTransactionsOptions,
    readonly committed: CommittedPosition,
  ) {
    this.maxRequestBytes = options.maxRequestBytes ?? 1_048_576;
    this.last = committed;
  }

  /** Bounded by three times transactionTimeoutMs; rejects with what the broker last said. */
  static async open(kafka: Kafka, options: PartitionTransactionsOptions): Promise<PartitionTransactions> {
    const { groupId, topic, partition, transactionTimeoutMs } = options;
    const transactionalId = `${groupId}.${topic}.${partition.toString()}`;
    const deadline = performance.now() + 3 * transactionTimeoutMs;
    const backoff = new Backoff();
    for (;;) {
      const cluster = createCluster(kafka, 'committed');
      try {
        return await within(deadline - performance.now(), `opening ${transactionalId}`, async () => {
          await cluster.connect();
          await cluster.addMultipleTargetTopics([topic]);
          const coordinators = new Coordinators(cluster, transactionalId, groupId);
          const identity = await initProducer(coordinators, transactionalId, transactionTimeoutMs, deadline);
          const committed = await readCommitted(coordinators, options, deadline);
          return new PartitionTransactions(cluster, coordinators, identity, options, committed);
        });
      } catch (error) {
        void cluster.disconnect().catch(() => undefined);
        if (performance.now() >= deadline || isPermanent(error)) throw error;
        await backoff.wait();
      }
    }
  }

  /** One at a time. @throws TransactionFailedError; RecordTooLargeError and RangeError before anything was begun */
  async commit(writes: TransactionWrites): Promise<void> {
    this.check();
    if (this.closed || this.busy) throw new Error(`${this.place} is ${this.closed ? 'closed' : 'committing'}`);
    if (writes.metadata !== undefined && Buffer.byteLength(writes.metadata) > MAX_METADATA_BYTES) {
      throw new RangeError(`Offset metadata of ${this.place} is larger than ${MAX_METADATA_BYTES.toString()} bytes`);
    }
    const chunks = chunkRecords(writes.records, this.maxRequestBytes, this.options.maxRecordBytes);
    const deadline = performance.now() + this.options.transactionTimeoutMs;
    const progress = { step: 'beginning', ending: false, begun: false };
    this.busy = true;
    try {
      await within(this.options.transactionTimeoutMs, `committing ${this.place}`, () =>
        this.run(chunks, writes, deadline, progress),
      );
      this.last = { offset: writes.offset, metadata: writes.metadata === '' ? undefined : writes.metadata };
    } catch (cause) {
      throw this.fail(cause, progress);
    } finally {
      this.busy = false;
    }
  }

  /**
   * To be asked before what was found is taken for wrong: a former owner that opens anew may have fenced this one since, and
   * have changed what this one looks at.
   * @throws TransactionFailedError when somebody else has committed since this was opened
   */
  async assertCurrent(): Promise<void> {
    const { transactionTimeoutMs } = this.options;
    const deadline = performance.now() + transactionTimeoutMs;
    const { offset, metadata } = await within(transactionTimeoutMs, `reading the position of ${this.place}`, () =>
      readCommitted(this.coordinators, this.options, deadline),
    );
    if (offset === this.last.offset && metadata === this.last.metadata) return;
    throw new TransactionFailedError(`Another owner has committed since ${this.place} was opened`, 'aborted', true);
  }

  /** Lets go within a second. An unfinished commit is aborted by the next owner, or by the broker after its timeout. */
  async close(): Promise<void> {
    this.closed = true;
    this.failure ??= new TransactionFailedError(`${this.place} was closed`, 'unknown', false);
    await settledWithin(CLOSE_TIMEOUT_MS, this.cluster.disconnect());
  }

  private get place(): string {
    return this.identity.transactionalId;
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async run(
    chunks: readonly Chunk[],
    writes: TransactionWrites,
    deadline: number,
    progress: { step: string; ending: boolean; begun: boolean },
  ): Promise<void> {
    const { identity } = this;
    const { groupId } = this.options;
    const coordinator = await this.coordinators.ofTransactions();
    const topics = partitionsOf(chunks);
    if (topics.length > 0) {
      progress.step = 'adding partitions';
      await this.cluster.addMultipleTargetTopics(topics.map(({ topic }) => topic));
      progress.begun = true;
      await untilAccepted(() => coordinator.addPartitionsToTxn({ ...identity, topics }), deadline);
    }
    progress.step = 'adding offsets';
    progress.begun = true;
    await untilAccepted(() => coordinator.addOffsetsToTxn({ ...identity, groupId }), deadline);
    progress.step = 'writing';
    const written = await Promise.allSettled([this.produce(chunks), this.sendOffset(writes, deadline)]);
    for (const one of written) if (one.status === 'rejected') throw one.reason;
    progress.step = 'ending';
    this.check();
    progress.ending = true;
    await untilAccepted(() => coordinator.endTxn({ ...identity, transactionResult: true }), deadline);
    // Whoever closed this meanwhile has opened again and read what became of it: a late answer is none.
    this.check();
  }

  private async sendOffset(writes: TransactionWrites, deadline: number): Promise<void> {
    const { topic, partition, groupId } = this.options;
    const group = await this.coordinators.ofGroup();
    const entry = { partition, offset: writes.offset.toString(), metadata: writes.metadata ?? null };
    await untilAccepted(
      () => group.txnOffsetCommit({ ...this.identity, groupId, topics: [{ topic, partitions: [entry] }] }),
      deadline,
    );
  }

  private async produce(chunks: readonly Chunk[]): Promise<void> {
    for (const chunk of chunks) {
      this.check();
      const sent = await Promise.allSettled(
        Array.from(this.byLeader(chunk), ([nodeId, data]) => this.send(nodeId, data, chunk.compress)),
      );
      for (const one of sent) if (one.status === 'rejected') throw one.reason;
    }
  }

  private async send(nodeId: number, topicData: TopicBatches[], compress: boolean): Promise<void> {
    const broker = await this.cluster.findBroker({ nodeId });
    await broker.produce({
      ...this.identity,
      acks: -1,
      timeout: this.options.transactionTimeoutMs,
      compression: compress ? CompressionTypes.GZIP : CompressionTypes.None,
      topicData,
    });
  }

  /** Sequence numbers are given here, once: a batch is sent once. */
  private byLeader(chunk: Chunk): Map<number, TopicBatches[]> {
    const leaders = new Map<number, TopicBatches[]>();
    for (const { topic, partitions } of chunk.topics) {
      const metadata = this.cluster.findTopicPartitionMetadata(topic);
      const ofTopic = new Map<number, TopicBatches>();
      for (const [partition, messages] of partitions) {
        const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
        if (leader < 0) throw new Error(`${topic}/${partition.toString()} has no leader`);
        let batches = ofTopic.get(leader);
        if (batches === undefined) ofTopic.set(leader, (batches = { topic, partitions: [] }));
        const key = `${topic}/${partition.toString()}`;
        const firstSequence = this.sequences.get(key) ?? 0;
        this.sequences.set(key, (firstSequence + messages.length) % 0x8000_0000);
        batches.partitions.push({ partition, firstSequence, messages });
      }
      for (const [leader, batches] of ofTopic) {
        const list = leaders.get(leader);
        if (list === undefined) leaders.set(leader, [batches]);
        else list.push(batches);
      }
    }
    return leaders;
  }

  private fail(cause: unknown, progress: { step: string; ending: boolean; begun: boolean }): TransactionFailedError {
    const fenced = isFencing(cause);
    const outcome = progress.ending && !isRejectedEnd(cause) ? 'unknown' : 'aborted';
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new TransactionFailedError(
      `The transaction of ${this.place} failed while ${progress.step} (${outcome}): ${why}`,
      outcome,
      fenced,
      { cause },
    );
    this.failure = error;
    this.options.onFailure?.(error, { topic: this.options.topic, partition: this.options.partition });
    // An abort must not overtake a write that is still on its way: that one would begin a transaction nobody ends.
    void this.release(progress.begun && outcome === 'aborted' && !fenced && !(cause instanceof LateError));
    return error;
  }

  /** Ends what is open at the broker, so that readers of the outputs need not wait for the timeout. A courtesy. */
  private async release(abort: boolean): Promise<void> {
    if (abort) {
      const aborting = this.coordinators
        .ofTransactions()
        .then((coordinator) => coordinator.endTxn({ ...this.identity, transactionResult: false }));
      await settledWithin(ABORT_TIMEOUT_MS, aborting);
    }
    await this.close();
  }
}

interface TopicBatches {
  readonly topic: string;
  readonly partitions: { partition: number; firstSequence: number; messages: readonly unknown[] }[];
}

function partitionsOf(chunks: readonly Chunk[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, Set<number>>();
  for (const { topics: ofChunk } of chunks) {
    for (const { topic, partitions } of ofChunk) {
      const known = topics.get(topic) ?? new Set<number>();
      for (const partition of partitions.keys()) known.add(partition);
      topics.set(topic, known);
    }
  }
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}

async function readCommitted(
  coordinators: Coordinators,
  { groupId, topic, partition }: PartitionTransactionsOptions,
  deadline: number,
): Promise<CommittedPosition> {
  const { offset, metadata } = await untilAccepted(
    async () => fetchStableOffset(await coordinators.ofGroup(), groupId, { topic, partition }),
    deadline,
    ELSEWHERE_OR_NOT_YET,
  );
  if (offset < 0) return { offset: undefined, metadata: undefined };
  return { offset, metadata: metadata === null || metadata === '' ? undefined : metadata };
}

/** Wrong configuration or rights: opening again does not help. */
function isPermanent(error: unknown): boolean {
  const INVALID_TRANSACTION_TIMEOUT = 50;
  const AUTHORIZATION_FAILED: readonly (number | undefined)[] = [29, 30, 31, 53];
  const code = protocolCodeOf(error);
  return code === INVALID_TRANSACTION_TIMEOUT || AUTHORIZATION_FAILED.includes(code);
}

class LateError extends Error {}

async function within<T>(timeoutMs: number, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new LateError(`${what} took more than ${Math.round(timeoutMs).toString()} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

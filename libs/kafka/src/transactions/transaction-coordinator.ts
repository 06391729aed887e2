import {
  type Broker,
  type Cluster,
  type ProducerIdentity,
  protocolCodeOf,
  TRANSACTION_COORDINATOR,
} from '../client/kafkajs-internals';
import { delay } from '../read/backoff';

const COORDINATOR_LOAD_IN_PROGRESS = 14;
const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const CONCURRENT_TRANSACTIONS = 51;
const UNSTABLE_OFFSET_COMMIT = 88;
const INVALID_PRODUCER_EPOCH = 47;
const PRODUCER_FENCED = 90;

const INVALID_TXN_STATE = 48;
const INVALID_PRODUCER_ID_MAPPING = 49;

type Codes = ReadonlySet<number | undefined>;

/** Not now: nothing was done. CONCURRENT_TRANSACTIONS comes after every commit, while its markers are being written. */
const NOT_YET: Codes = new Set([COORDINATOR_LOAD_IN_PROGRESS, CONCURRENT_TRANSACTIONS, UNSTABLE_OFFSET_COMMIT]);
/** What opening and reading may be tried again after; they may safely be done twice. */
export const ELSEWHERE_OR_NOT_YET: Codes = new Set([
  ...NOT_YET,
  COORDINATOR_NOT_AVAILABLE,
  NOT_COORDINATOR,
  UNKNOWN_TOPIC_OR_PARTITION,
]);
/** Answers to EndTxn that say that it was not done. Others may come after the decision was written. */
const REJECTED: Codes = new Set([
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  INVALID_PRODUCER_ID_MAPPING,
  PRODUCER_FENCED,
  COORDINATOR_LOAD_IN_PROGRESS,
  CONCURRENT_TRANSACTIONS,
]);

export const isRejectedEnd = (error: unknown): boolean => REJECTED.has(protocolCodeOf(error));

/** The broker says that a younger producer of the same transactional id exists. */
export function isFencing(error: unknown): boolean {
  const code = protocolCodeOf(error);
  return code === INVALID_PRODUCER_EPOCH || code === PRODUCER_FENCED;
}

/** Runs a request again while the broker *answers* one of `codes`. What gets no answer is not run again: it may have been done. */
export async function untilAccepted<T>(
  attempt: () => Promise<T>,
  deadline: number,
  codes: Codes = NOT_YET,
): Promise<T> {
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 100)) {
    try {
      return await attempt();
    } catch (error) {
      if (!codes.has(protocolCodeOf(error)) || performance.now() + waitMs >= deadline) throw error;
      await delay(waitMs);
    }
  }
}

/** The brokers that a transactional producer talks to, looked up once; every look-up costs a round trip. */
export class Coordinators {
  private transactions: Broker | undefined;
  private group: Broker | undefined;

  constructor(
    readonly cluster: Cluster,
    private readonly transactionalId: string,
    private readonly groupId: string,
  ) {}

  async ofTransactions(): Promise<Broker> {
    return (this.transactions ??= await this.cluster.findGroupCoordinator({
      groupId: this.transactionalId,
      coordinatorType: TRANSACTION_COORDINATOR,
    }));
  }

  async ofGroup(): Promise<Broker> {
    return (this.group ??= await this.cluster.findGroupCoordinator({ groupId: this.groupId }));
  }

  /** After an answer that says that it moved. */
  forget(): void {
    this.transactions = undefined;
    this.group = undefined;
  }
}

/**
 * Makes this the only producer of its transactional id: raises the epoch, and waits until the broker has ended what the
 * previous one left open. What it committed is visible to a stable read of the committed offset afterwards.
 */
export async function initProducer(
  coordinators: Coordinators,
  transactionalId: string,
  transactionTimeoutMs: number,
  deadline: number,
): Promise<ProducerIdentity> {
  const { producerId, producerEpoch } = await untilAccepted(
    async () => {
      try {
        const broker = await coordinators.ofTransactions();
        return await broker.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs });
      } catch (error) {
        coordinators.forget();
        throw error;
      }
    },
    deadline,
    ELSEWHERE_OR_NOT_YET,
  );
  return { transactionalId, producerId, producerEpoch };
}

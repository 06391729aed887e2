import { protocolCodeOf } from '../client/kafkajs-internals';
import { delay } from '../delay';
import { ClusterMismatchError } from '../errors';
import { TimeoutError } from '../with-timeout';

const UNKNOWN_TOPIC_OR_PARTITION = 3;
const COORDINATOR_LOAD_IN_PROGRESS = 14;
const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;
const TOPIC_AUTHORIZATION_FAILED = 29;
const GROUP_AUTHORIZATION_FAILED = 30;
const CLUSTER_AUTHORIZATION_FAILED = 31;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const INVALID_PRODUCER_ID_MAPPING = 49;
const INVALID_TRANSACTION_TIMEOUT = 50;
const CONCURRENT_TRANSACTIONS = 51;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53;
const UNSTABLE_OFFSET_COMMIT = 88;
const PRODUCER_FENCED = 90;

type Codes = ReadonlySet<number | undefined>;

/** Nothing was done, and a retry may succeed. CONCURRENT_TRANSACTIONS follows each commit until its markers are written. */
const NOT_READY: Codes = new Set([COORDINATOR_LOAD_IN_PROGRESS, CONCURRENT_TRANSACTIONS]);
/** A retry may succeed, perhaps at another broker. Only for requests that are safe to repeat. */
export const MOVED_OR_NOT_READY: Codes = new Set([
  ...NOT_READY,
  COORDINATOR_NOT_AVAILABLE,
  NOT_COORDINATOR,
  UNKNOWN_TOPIC_OR_PARTITION,
]);
/** The answer to OffsetFetch while a transaction that commits the offset is not completed. */
export const UNSTABLE: Codes = new Set([UNSTABLE_OFFSET_COMMIT]);
/** Answers to EndTxn that prove that the transaction was not ended. After other errors it may have been. */
const REJECTED_END: Codes = new Set([
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  INVALID_PRODUCER_ID_MAPPING,
  PRODUCER_FENCED,
  COORDINATOR_LOAD_IN_PROGRESS,
  CONCURRENT_TRANSACTIONS,
]);
/** Wrong configuration or missing rights: no retry helps. */
const PERMANENT: Codes = new Set([
  INVALID_TRANSACTION_TIMEOUT,
  TOPIC_AUTHORIZATION_FAILED,
  GROUP_AUTHORIZATION_FAILED,
  CLUSTER_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);

export const isRejectedEnd = (error: unknown): boolean => REJECTED_END.has(protocolCodeOf(error));

export const isPermanentRejection = (error: unknown): boolean =>
  PERMANENT.has(protocolCodeOf(error)) || error instanceof ClusterMismatchError;

export const isUnstable = (error: unknown): boolean => UNSTABLE.has(protocolCodeOf(error));

/** The broker may still carry out the request: its connection broke, or the time for the answer is over. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof TimeoutError ||
  (error instanceof Error && error.name.startsWith('KafkaJS') && protocolCodeOf(error) === undefined);

/** Throws why one of the requests failed: by a newer owner, or without an answer, if one did. */
export function throwRejection(settled: readonly PromiseSettledResult<unknown>[]): void {
  const rejected = settled.filter((one) => one.status === 'rejected');
  const [first] = rejected;
  if (first !== undefined) {
    const byOwner = rejected.find(({ reason }) => isFencing(reason));
    throw (byOwner ?? rejected.find(({ reason }) => isUnanswered(reason)) ?? first).reason;
  }
}

/** A newer producer of the same transactional id exists. */
export function isFencing(error: unknown): boolean {
  const code = protocolCodeOf(error);
  return code === INVALID_PRODUCER_EPOCH || code === PRODUCER_FENCED;
}

/** The coordinator must be looked up again: it has moved, is not there, or its connection was lost. */
export function isCoordinatorMoved(error: unknown): boolean {
  const code = protocolCodeOf(error);
  return code === undefined || code === COORDINATOR_NOT_AVAILABLE || code === NOT_COORDINATOR;
}

/**
 * Retries a request while the broker answers with one of `codes`, until the deadline. Does not retry a request without an
 * answer: the broker may have carried it out.
 *
 * @param deadline in milliseconds of performance.now()
 */
export async function retryOnCodes<T>(
  attempt: () => Promise<T>,
  deadline: number,
  codes: Codes = NOT_READY,
): Promise<T> {
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 100)) {
    try {
      return await attempt();
    } catch (error) {
      if (!codes.has(protocolCodeOf(error)) || performance.now() + waitMs >= deadline) throw error;
      await delay(waitMs / 2 + (Math.random() * waitMs) / 2);
    }
  }
}

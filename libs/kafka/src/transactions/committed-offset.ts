import { type Broker } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { type TopicPartition } from '../topic-partition';
import { OffsetUnstableError } from '../errors';
import { isUnstable, retryOnCodes, UNSTABLE } from './broker-answers';
import { type Coordinators } from './coordinators';
import { type OffsetFetchResponse, offsetFetchV7 } from './offset-fetch-v7';

/** The committed offset of a group for a partition, with its metadata. Both are undefined if nothing was committed. */
export interface CommittedOffset {
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
  /** Id of the topic, read after the offset. Undefined where the broker has none (before 2.8). */
  readonly topicId?: string | undefined;
}

/** How long a transaction that is not completed may hold the committed offset back before that is an error. */
const UNSTABLE_MS = 10_000;

/**
 * As `fetchStableOffset`, and retries until the deadline while the coordinator is not ready or has moved.
 *
 * @param unstableMs for how long it also retries while a transaction holds the offset back
 * @throws OffsetUnstableError; the broker's error
 */
export async function readCommittedOffset(
  coordinators: Coordinators,
  groupId: string,
  partition: TopicPartition,
  deadline: number,
  unstableMs = UNSTABLE_MS,
): Promise<CommittedOffset> {
  const startedAt = performance.now();
  const read = async (): Promise<CommittedOffset> =>
    fetchStableOffset(await coordinators.ofGroup(), groupId, partition);
  try {
    const unstableUntil = Math.min(startedAt + unstableMs, deadline);
    return await retryOnCodes(() => coordinators.ask(read, deadline), unstableUntil, UNSTABLE);
  } catch (error) {
    if (!isUnstable(error)) throw error;
    throw new OffsetUnstableError(groupId, partition, performance.now() - startedAt, { cause: error });
  }
}

/**
 * Reads the committed offset from the coordinator of the group. Rejects with UNSTABLE_OFFSET_COMMIT while a transaction
 * that commits it is decided but not completed: brokers before Kafka 4.0 can admit the next producer of the transactional
 * id earlier than that, and would return the offset from before the transaction (KIP-447).
 *
 * @throws the broker's error
 */
export async function fetchStableOffset(
  coordinator: Broker,
  groupId: string,
  partition: TopicPartition,
): Promise<CommittedOffset> {
  const response = (await coordinator.connectionPool.send(offsetFetchV7(groupId, partition))) as OffsetFetchResponse;
  if (response.errorCode !== 0) throw createErrorOf(response.errorCode);
  const { offset, metadata } = response;
  if (offset < 0) return { offset: undefined, metadata: undefined };
  return { offset, metadata: metadata === null || metadata === '' ? undefined : metadata };
}

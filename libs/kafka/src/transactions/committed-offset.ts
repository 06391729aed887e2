import { type Broker } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { type TopicPartition } from '../topic-partition';
import { MOVED_OR_NOT_READY, retryOnCodes } from './broker-answers';
import { type Coordinators } from './coordinators';
import { type OffsetFetchResponse, offsetFetchV7 } from './offset-fetch-v7';

/** The committed offset of a group for a partition, with its metadata. Both are undefined if nothing was committed. */
export interface CommittedOffset {
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
  /** Id of the topic, read after the offset. Undefined where the broker has none (before 2.8). */
  readonly topicId?: string | undefined;
}

/** The same, and retries until the deadline while the coordinator is not ready or has moved. */
export function readCommittedOffset(
  coordinators: Coordinators,
  groupId: string,
  partition: TopicPartition,
  deadline: number,
): Promise<CommittedOffset> {
  return retryOnCodes(
    async () => {
      try {
        return await fetchStableOffset(await coordinators.ofGroup(), groupId, partition);
      } catch (error) {
        coordinators.forget();
        throw error;
      }
    },
    deadline,
    MOVED_OR_NOT_READY,
  );
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

import { type Broker } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { type TopicPartition } from '../topic-partition';
import { type OffsetFetchResponse, offsetFetchV7 } from './offset-fetch-v7';

/** The committed offset of a group for a partition, with its metadata. Both are undefined if nothing was committed. */
export interface CommittedOffset {
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
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

import {
  fetchLogBounds,
  fetchUnreadableBatch,
  PartitionTransactions,
  readPartition,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

import type { BridgeSource } from '../bridge-source';
import { type SetPositionOptions, TRANSACTION_TIMEOUT_MS } from './set-position';

/** What `setPosition` reads and writes, in Kafka. */
export function kafkaPosition(
  kafka: Kafka,
  source: BridgeSource,
  ref: TopicPartition,
): Omit<SetPositionOptions, 'target' | 'now'> {
  const { partition } = ref;
  return {
    partition: ref,
    openTransactions: () =>
      PartitionTransactions.open(kafka, {
        groupId: source.groupId,
        ...ref,
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
        maxRequestBytes: source.deadLetters.maxMessageBytes,
      }),
    logBounds: async () => {
      const { beginnings, ends } = await fetchLogBounds(kafka, ref.topic);
      return { start: beginnings[partition] ?? 0, end: ends[partition] ?? 0 };
    },
    unreadableBatch: (offset) => fetchUnreadableBatch(kafka, ref, offset),
    countRecords: async (from, until) => {
      let count = 0;
      const onUnreadable = (_: unknown, unread: number): void => {
        count += unread;
      };
      await readPartition(kafka, { ...ref, from, until, isolation: 'committed', onUnreadable }, ({ records }) => {
        count += records.length;
      });
      return count;
    },
  };
}

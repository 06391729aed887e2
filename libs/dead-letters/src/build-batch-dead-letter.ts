import { type DeadLetterApp, UNREADABLE_BATCH } from '@orderstream/contracts';
import type { OutputRecord, UnreadableBatch } from '@orderstream/kafka';

import { buildDeadLetter } from './build-dead-letter';

/**
 * The one dead letter of a record batch that cannot be decoded and that an operator skips: its value is the batch as it was
 * compressed, cut to what the topic takes (`fitToTopic`). Its source is the first offset that is left out, which no
 * dead letter of a record that was read before can have. It has no key.
 */
export function buildBatchDeadLetter(
  batch: UnreadableBatch,
  { app, failedAt }: { readonly app: DeadLetterApp; readonly failedAt: Date },
): OutputRecord {
  const { topic, partition, firstOffset, lastOffset, unread, baseOffset, bytes, timestamp, reason } = batch;
  const counted = `${String(unread)} records, offsets ${String(firstOffset)} to ${String(lastOffset)}`;
  return buildDeadLetter(
    { topic, partition, offset: firstOffset, timestamp, key: null, value: bytes, headers: {} },
    {
      app,
      failedAt,
      reasons: [
        { code: UNREADABLE_BATCH, path: 'batch', constraint: counted },
        { code: UNREADABLE_BATCH, path: 'batch', constraint: reason },
      ],
      batch: { firstOffset, lastOffset, records: unread, baseOffset, bytes: bytes.length },
    },
  );
}

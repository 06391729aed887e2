import { DLQ_HEADERS, rawTopic } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import type { RawRecord, Reason } from '@orderstream/quality';

/** Reason and detail in the dead letter of a record, as the validator writes them. */
export function deadLetterHeaders(
  { partition, timestamp, key, value }: RawRecord,
  reasons: readonly Reason[],
): { readonly reason: string; readonly detail: string } {
  const record = { topic: rawTopic('orders'), partition, offset: 0, timestamp, key, value, headers: {} };
  const { headers } = buildDeadLetter(record, { app: 'validator', reasons, failedAt: new Date(timestamp) });
  return { reason: String(headers[DLQ_HEADERS.reason]), detail: String(headers[DLQ_HEADERS.detail]) };
}

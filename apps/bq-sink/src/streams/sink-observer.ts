import type { RowBuffer } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

/** What a partition's sink tells of its work; the metrics. */
export interface SinkObserver {
  appending(rows: RowBuffer): void;
  appended(records: readonly KafkaRecord[], rows: RowBuffer, seconds: number): void;
  refused(reasons: readonly DeadLetterReason[]): void;
  skipped(rows: number): void;
  streamCreated(): void;
  fellBack(): void;
  committed(): void;
}

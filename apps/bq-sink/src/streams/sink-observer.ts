import type { RowBuffer } from '@orderstream/bigquery';
import type { KafkaRecord } from '@orderstream/kafka';

import type { Rejection } from './rejected-run';

/** Receives the events of a partition's sink; feeds the metrics. */
export interface SinkObserver {
  appending(rows: RowBuffer): void;
  appended(records: readonly KafkaRecord[], rows: RowBuffer, seconds: number): void;
  rejected(rejections: readonly Rejection[]): void;
  skipped(rows: number): void;
  streamCreated(): void;
  fallbackTaken(): void;
}

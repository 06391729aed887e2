import type { RowBuffer } from '@orderstream/bigquery';
import type { KafkaRecord } from '@orderstream/kafka';

import type { Rejection } from './rejected-run';

/** A rejection whose dead letter is committed. */
export interface DeadLettered extends Rejection {
  /** It was rejected too often to be replayed again. */
  readonly isParked: boolean;
}

/** Receives the events of a partition's sink; feeds the metrics. */
export interface SinkObserver {
  appending(rows: RowBuffer): void;
  appended(records: readonly KafkaRecord[], rows: RowBuffer, seconds: number): void;
  rejected(rejections: readonly DeadLettered[]): void;
  skipped(rows: number): void;
  streamCreated(): void;
  fallbackTaken(): void;
}

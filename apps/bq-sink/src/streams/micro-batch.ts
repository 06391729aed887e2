import { RowBuffer } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

import { MAX_EXCLUSION_SPAN } from './position';

/** A record that the encoder or BigQuery rejects, and the reason. */
export interface Rejection {
  readonly record: KafkaRecord;
  readonly reason: DeadLetterReason;
}

/** Encodes records as rows; implemented by `RowMapper`. */
export interface RowSource {
  /** Adds the record's row to `rows`, or returns the reason why it cannot be encoded. */
  encode(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined;
}

export interface BatchLimits {
  readonly maxBatchRows: number;
  /** Encoded bytes of all rows. */
  readonly maxBatchBytes: number;
}

/** Consecutive records that are sent to BigQuery in one append. */
export class MicroBatch {
  private rowBuffer = new RowBuffer();
  /** The record of each row. */
  private rowRecords: KafkaRecord[] = [];
  private rejections: Rejection[] = [];
  /** The partition's position once the whole batch is settled. */
  endOffset: number;
  /** Every record is durable or dead-lettered. */
  settled = false;

  constructor(private readonly firstOffset: number) {
    this.endOffset = firstOffset;
  }

  get rows(): RowBuffer {
    return this.rowBuffer;
  }

  get records(): readonly KafkaRecord[] {
    return this.rowRecords;
  }

  /** Records that the encoder rejects. They are dead-lettered before the rest of the batch is sent. */
  get rejected(): readonly Rejection[] {
    return this.rejections;
  }

  /**
   * Adds a record if it fits. Any record of a batch may be rejected, so a batch spans no more offsets than the bitmap of
   * exclusions can hold.
   */
  add(record: KafkaRecord, mapper: RowSource, limits: BatchLimits): boolean {
    if (this.isFull(limits) || record.offset - this.firstOffset >= MAX_EXCLUSION_SPAN) return false;
    const reason = mapper.encode(record, this.rowBuffer);
    if (reason !== undefined) this.rejections.push({ record, reason });
    else if (this.rowBuffer.size > limits.maxBatchBytes && this.rowRecords.length > 0) {
      this.rowBuffer.popRow();
      return false;
    } else this.rowRecords.push(record);
    this.endOffset = record.offset + 1;
    return true;
  }

  isFull({ maxBatchRows, maxBatchBytes }: BatchLimits): boolean {
    return this.rowRecords.length + this.rejections.length >= maxBatchRows || this.rowBuffer.size >= maxBatchBytes;
  }

  /** Removes what was dead-lettered: the rows with these indexes, and the records that the encoder rejected. */
  removeRejected(rows: ReadonlySet<number>): void {
    this.rejections = [];
    if (rows.size === 0) return;
    this.rowBuffer = this.rowBuffer.filter((row) => !rows.has(row));
    this.rowRecords = this.rowRecords.filter((_, row) => !rows.has(row));
  }
}

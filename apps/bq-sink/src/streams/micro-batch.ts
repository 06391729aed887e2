import { RowBuffer } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

import { MAX_EXCLUSION_SPAN } from './position';

/** A record that is no row, and why. */
export interface Rejection {
  readonly record: KafkaRecord;
  readonly reason: DeadLetterReason;
}

/** Makes rows of records; a `RowMapper`. */
export interface RowSource {
  /** Adds the record's row to `rows`, or says why it is none. */
  encode(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined;
}

export interface BatchLimits {
  readonly maxBatchRows: number;
  /** Encoded bytes of all rows. */
  readonly maxBatchBytes: number;
}

/** Consecutive records on their way to BigQuery in one append. */
export class MicroBatch {
  private rowBuffer = new RowBuffer();
  /** The record of each row. */
  private rowRecords: KafkaRecord[] = [];
  private rejections: Rejection[] = [];
  /** Offset at which the position is when all of the batch is settled. */
  endOffset: number;
  /** Durable or dead-lettered, all of it. */
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

  /** Records that the encoder rejected: dead letters, before the rest is sent. */
  get rejected(): readonly Rejection[] {
    return this.rejections;
  }

  /**
   * Takes a record, if it still fits. A batch stops short of the offsets that a bitmap of exclusions can cover, since
   * any of its records may be rejected.
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

  /** Takes the rejected rows out, by their index, and forgets what the encoder rejected: all that is dead-lettered now. */
  prune(rows: ReadonlySet<number>): void {
    this.rejections = [];
    if (rows.size === 0) return;
    this.rowBuffer = this.rowBuffer.filter((row) => !rows.has(row));
    this.rowRecords = this.rowRecords.filter((_, row) => !rows.has(row));
  }
}

import { RowBuffer } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

import { RejectedRun } from './rejected-run';

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
  /** The record of each row. */
  readonly records: KafkaRecord[] = [];
  /** The partition's position once the whole batch is durable. */
  endOffset = 0;
  /** Every record is durable. */
  settled = false;

  constructor(readonly rows = new RowBuffer()) {}

  /** Adds the row of a record. Returns the reason if the record cannot be encoded. */
  add(record: KafkaRecord, mapper: RowSource, limits: BatchLimits): 'added' | 'full' | DeadLetterReason {
    if (this.isFull(limits)) return 'full';
    const rejected = mapper.encode(record, this.rows);
    if (rejected !== undefined) return rejected;
    if (this.rows.size > limits.maxBatchBytes && this.records.length > 0) {
      this.rows.popRow();
      return 'full';
    }
    this.records.push(record);
    this.endOffset = record.offset + 1;
    return 'added';
  }

  isFull({ maxBatchRows, maxBatchBytes }: BatchLimits): boolean {
    return this.records.length >= maxBatchRows || this.rows.size >= maxBatchBytes;
  }

  /**
   * Divides the batch around its rejected rows: in order, batches of the rows between them and runs of their records.
   * @param rejected by row index
   */
  divide(rejected: ReadonlyMap<number, DeadLetterReason>): readonly (MicroBatch | RejectedRun)[] {
    const pieces: (MicroBatch | RejectedRun)[] = [];
    let from = 0;
    this.records.forEach((record, row) => {
      const reason = rejected.get(row);
      if (reason === undefined) return;
      const last = pieces.at(-1);
      if (row > from) pieces.push(this.piece(from, row));
      const isAdded = row === from && last instanceof RejectedRun && last.add({ record, reason });
      if (!isAdded) pieces.push(new RejectedRun({ record, reason }));
      from = row + 1;
    });
    if (from < this.records.length) pieces.push(this.piece(from, this.records.length));
    return this.passEndTo(pieces);
  }

  /** Divides a batch of at least two rows into two halves. */
  halve(): readonly MicroBatch[] {
    const { length } = this.records;
    const middle = length >> 1;
    return this.passEndTo([this.piece(0, middle), this.piece(middle, length)]);
  }

  private piece(from: number, to: number): MicroBatch {
    const piece = new MicroBatch(this.rows.slice(from, to));
    piece.records.push(...this.records.slice(from, to));
    piece.endOffset = (piece.records.at(-1)?.offset ?? 0) + 1;
    return piece;
  }

  /** The last piece settles the transaction markers behind the batch. */
  private passEndTo<P extends { endOffset: number }>(pieces: readonly P[]): readonly P[] {
    const last = pieces.at(-1);
    if (last !== undefined) last.endOffset = this.endOffset;
    return pieces;
  }
}

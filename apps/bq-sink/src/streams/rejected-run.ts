import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

/** A record that the encoder or BigQuery rejects, and the reason. */
export interface Rejection {
  readonly record: KafkaRecord;
  readonly reason: DeadLetterReason;
}

/** More rejections than this without an accepted row between them have a common cause, which is not the records. */
export const MAX_REJECTED_IN_A_ROW = 20;

/**
 * Consecutive records that are rejected, at most as many as one commit dead-letters. They are dead-lettered once everything
 * before them is durable.
 */
export class RejectedRun {
  private rejections: Rejection[];
  /** The partition's position once the whole run is dead-lettered. */
  endOffset: number;
  /** Every record is dead-lettered. */
  settled = false;

  constructor(first: Rejection) {
    this.rejections = [first];
    this.endOffset = first.record.offset + 1;
  }

  get records(): readonly KafkaRecord[] {
    return this.rejections.map(({ record }) => record);
  }

  /** The first record that is not dead-lettered. @throws RangeError when the run is settled */
  get next(): Rejection {
    const [next] = this.rejections;
    if (next === undefined) throw new RangeError('every record of the run is dead-lettered');
    return next;
  }

  /** Returns false if the run is full. */
  add(rejection: Rejection): boolean {
    if (this.rejections.length >= MAX_REJECTED_IN_A_ROW) return false;
    this.rejections.push(rejection);
    this.endOffset = rejection.record.offset + 1;
    return true;
  }

  first(count: number): readonly Rejection[] {
    return this.rejections.slice(0, count);
  }

  /** Removes the first records, which are dead-lettered. */
  removeFirst(count: number): void {
    this.rejections = this.rejections.slice(count);
    this.settled = this.rejections.length === 0;
  }
}

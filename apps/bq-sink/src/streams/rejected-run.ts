import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';

/** A record that the encoder or BigQuery rejects, and the reason. */
export interface Rejection {
  readonly record: KafkaRecord;
  readonly reason: DeadLetterReason;
}

/** Consecutive records that are rejected. They are dead-lettered once everything before them is durable. */
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

  add(rejection: Rejection): void {
    this.rejections.push(rejection);
    this.endOffset = rejection.record.offset + 1;
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

import { type RecordBatch } from '../record';
import { OldestUnsettled } from './oldest-unsettled';
import { type PartitionStatus } from './server-options';

/** How far a partition is behind its end, in records and in time. */
export class PartitionLag {
  private readonly unsettled = new OldestUnsettled();
  private end: number | undefined;
  private endAt = -Infinity;

  /** The broker returned the partition's last stable offset. */
  observeEnd(end: number): void {
    this.end = end;
    this.endAt = performance.now();
  }

  /** Milliseconds since `observeEnd`. */
  get endAgeMs(): number {
    return performance.now() - this.endAt;
  }

  handedOver(batch: RecordBatch, firstUnsettled: number): void {
    this.unsettled.handedOver(batch, firstUnsettled);
  }

  rewind(firstUnsettled: number): void {
    this.unsettled.rewind(firstUnsettled);
  }

  /**
   * @param firstUnsettled first offset that is not settled
   * @param queued timestamp of the first queued record
   */
  from(firstUnsettled: number | undefined, queued: number | undefined): Pick<PartitionStatus, 'lag' | 'lagMs'> {
    const { end } = this;
    if (end === undefined || firstUnsettled === undefined) return { lag: undefined, lagMs: undefined };
    if (end <= firstUnsettled) return { lag: 0, lagMs: 0 };
    const oldest = this.unsettled.timestamp(firstUnsettled, queued);
    return { lag: end - firstUnsettled, lagMs: oldest === undefined ? undefined : Math.max(Date.now() - oldest, 0) };
  }
}

import { type LogEnds } from '../read/log-client';
import { type RecordBatch } from '../record';
import { OldestUnsettled } from './oldest-unsettled';
import { type PartitionStatus } from './server-options';

/** A transaction that holds back the records of a partition. */
export interface OpenTransaction {
  /** Offset of its first record: the last stable offset. */
  readonly lastStableOffset: number;
  readonly highWatermark: number;
  /** How long it has been seen. */
  readonly openMs: number;
}

/** How far a partition is behind its end, in records and in time. */
export class PartitionLag {
  private readonly unsettled = new OldestUnsettled();
  private ends: LogEnds | undefined;
  private endsAt = -Infinity;
  /** When the last stable offset was first seen at its present value, below the high watermark. */
  private heldBackSince: number | undefined;

  /** The broker returned the ends of the partition. */
  observeEnds(ends: LogEnds): void {
    const now = performance.now();
    if (ends.lastStableOffset >= ends.highWatermark) this.heldBackSince = undefined;
    else if (this.heldBackSince === undefined || this.ends?.lastStableOffset !== ends.lastStableOffset) {
      this.heldBackSince = now;
    }
    this.ends = ends;
    this.endsAt = now;
  }

  /** Milliseconds since `observeEnds`. */
  get endsAgeMs(): number {
    return performance.now() - this.endsAt;
  }

  /** The oldest transaction that is open in the partition; undefined when there is none. */
  get openTransaction(): OpenTransaction | undefined {
    if (this.ends === undefined || this.heldBackSince === undefined) return undefined;
    return { ...this.ends, openMs: performance.now() - this.heldBackSince };
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
  from(
    firstUnsettled: number | undefined,
    queued: number | undefined,
  ): Pick<PartitionStatus, 'lag' | 'lagMs' | 'openTransactionMs'> {
    const { ends, openTransaction } = this;
    if (ends === undefined) return { lag: undefined, lagMs: undefined, openTransactionMs: undefined };
    const openTransactionMs = openTransaction?.openMs ?? 0;
    if (firstUnsettled === undefined) return { lag: undefined, lagMs: undefined, openTransactionMs };
    if (ends.highWatermark <= firstUnsettled) return { lag: 0, lagMs: 0, openTransactionMs };
    const lag = ends.highWatermark - firstUnsettled;
    // Only records behind an open transaction are left: their timestamps are not known.
    if (ends.lastStableOffset <= firstUnsettled) return { lag, lagMs: openTransactionMs, openTransactionMs };
    const oldest = this.unsettled.timestamp(firstUnsettled, queued);
    return { lag, lagMs: oldest === undefined ? undefined : Math.max(Date.now() - oldest, 0), openTransactionMs };
  }
}

import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { PartitionRef } from '@orderstream/kafka';

/** So many of a partition's last records were rejected that something else than single records is wrong. */
export class RejectRateError extends OrderstreamError {
  readonly code = 'REJECT_RATE' satisfies ErrorCode;
  constructor({ topic, partition }: PartitionRef, rejected: number, windowRecords: number) {
    super(
      `${topic}/${String(partition)}: ${String(rejected)} of the last ${String(windowRecords)} records were rejected. ` +
        'Nothing is lost: look at the dead letters, patch the producer or the rule, then resume the validator.',
    );
  }
}

/** Counts rejects among the last records of a partition. Silent until that many were seen. */
export class CircuitBreaker {
  private readonly window: Uint8Array;
  private at = 0;
  private seen = 0;
  private rejectedInWindow = 0;

  constructor(
    windowRecords: number,
    private readonly maxShare: number,
  ) {
    this.window = new Uint8Array(windowRecords);
  }

  /** Counts one record. */
  count(rejected: boolean): void {
    const { window } = this;
    if (window.length === 0) return;
    const bit = rejected ? 1 : 0;
    this.rejectedInWindow += bit - (window[this.at] ?? 0);
    window[this.at] = bit;
    this.at = (this.at + 1) % window.length;
    this.seen++;
  }

  /** Rejects among the last records if they are too many, otherwise undefined. */
  tripped(): number | undefined {
    const { length } = this.window;
    if (length === 0 || this.seen < length) return undefined;
    return this.rejectedInWindow > this.maxShare * length ? this.rejectedInWindow : undefined;
  }

  reset(): void {
    this.window.fill(0);
    this.at = 0;
    this.seen = 0;
    this.rejectedInWindow = 0;
  }
}

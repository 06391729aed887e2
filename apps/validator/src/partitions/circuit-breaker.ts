import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { TopicPartition } from '@orderstream/kafka';

/** Too many of a partition's last records were rejected for single bad records to be the cause. */
export class RejectRateError extends OrderstreamError {
  readonly code = 'REJECT_RATE' satisfies ErrorCode;
  constructor({ topic, partition }: TopicPartition, rejected: number, windowRecords: number) {
    super(
      `${topic}/${String(partition)}: ${String(rejected)} of the last ${String(windowRecords)} records were rejected.` +
        ' Nothing is lost: look at the dead letters, fix the producer or the rule, then resume the validator.',
    );
  }
}

/** Counts the rejections among the last records of a partition. Cannot trip before the window is full. */
export class CircuitBreaker {
  private readonly window: Uint8Array;
  private at = 0;
  private seen = 0;
  private rejectedInWindow = 0;

  /** @param windowRecords 0 disables the breaker */
  constructor(
    readonly windowRecords: number,
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

  /** Number of rejections among the last records if they are too many, otherwise undefined. */
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

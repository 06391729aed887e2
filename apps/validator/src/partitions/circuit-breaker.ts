import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition } from '@orderstream/kafka';

/** Too many of a partition's last records were rejected for single bad records to be the cause. */
export class RejectRateError extends OrderstreamError {
  readonly code = 'REJECT_RATE' satisfies ErrorCode;
  constructor(partition: TopicPartition, rejected: number, windowRecords: number) {
    super(
      `${partitionName(partition)}: ${String(rejected)} of the last ${String(windowRecords)} records were rejected.` +
        ' Nothing is lost, and nothing is evaluated meanwhile: look at the dead letters, fix the producer or the rule, then' +
        ' POST /admin/resume. To let a known flood through, send {"withoutBreakerRecords": N} or' +
        ' {"withoutBreakerMinutes": T} with it (docs/validator-state.md).',
    );
  }
}

/** How long an operator lets the partition go on without its breaker. */
export type Suspension = { readonly records: number } | { readonly minutes: number };

/** What is left of a suspension. */
export type SuspensionStatus = { readonly recordsLeft: number } | { readonly secondsLeft: number };

export interface BreakerLimits {
  /** Number of last records that count; 0 disables the breaker. */
  readonly windowRecords: number;
  /** Share of rejections above which it trips. */
  readonly maxShare: number;
}

/** Counts the rejections among the last records of a partition. Cannot trip before the window is full. */
export class CircuitBreaker {
  private window: Uint8Array;
  private at = 0;
  private seen = 0;
  private rejectedInWindow = 0;
  private recordsLeft = 0;
  private suspendedUntilMs = -Infinity;

  constructor(
    private limits: BreakerLimits,
    /** Monotonic clock, in milliseconds. */
    private readonly now: () => number = () => performance.now(),
  ) {
    this.window = new Uint8Array(limits.windowRecords);
  }

  get windowRecords(): number {
    return this.limits.windowRecords;
  }

  /** New limits, from the next record on. Another window begins empty; a suspension goes on. */
  limit(limits: BreakerLimits): void {
    if (limits.windowRecords !== this.limits.windowRecords) {
      this.window = new Uint8Array(limits.windowRecords);
      this.reset();
    }
    this.limits = limits;
  }

  /** The records that come within the suspension are not counted. It replaces an earlier one, and survives `reset`. */
  suspend(suspension: Suspension): void {
    this.reset();
    this.recordsLeft = 'records' in suspension ? suspension.records : 0;
    this.suspendedUntilMs = 'minutes' in suspension ? this.now() + suspension.minutes * 60_000 : -Infinity;
  }

  /** Undefined when the breaker is not suspended. */
  get suspension(): SuspensionStatus | undefined {
    if (this.recordsLeft > 0) return { recordsLeft: this.recordsLeft };
    const leftMs = this.suspendedUntilMs - this.now();
    return leftMs > 0 ? { secondsLeft: Math.ceil(leftMs / 1_000) } : undefined;
  }

  /** Counts one record. */
  count(rejected: boolean): void {
    const { window } = this;
    if (window.length === 0) return;
    if (this.recordsLeft > 0) {
      this.recordsLeft--;
      return;
    }
    if (this.suspendedUntilMs > this.now()) return;
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
    return this.rejectedInWindow > this.limits.maxShare * length ? this.rejectedInWindow : undefined;
  }

  reset(): void {
    this.window.fill(0);
    this.at = 0;
    this.seen = 0;
    this.rejectedInWindow = 0;
  }
}

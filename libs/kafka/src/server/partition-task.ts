import { isRetriable, OrderstreamError } from '@orderstream/errors';
import { type KafkaLogger } from '../client/kafka-settings';
import { type BatchOutcome, type FailureOutcome } from '../outcome';
import { delay } from '../read/backoff';
import { type Fetched, type Wanted } from '../read/log-client';
import { type PartitionRef, type RecordBatch } from '../record';
import { OldestUnsettled } from './oldest-unsettled';
import { type PartitionHooks } from './partition-hooks';
import { PartitionQueue } from './partition-queue';
import { retryDelay } from './retry-delay';
import { type PartitionTaskState, type PartitionStatus } from './server-options';

export interface PartitionTaskOptions {
  readonly maxBatchRecords: number;
  readonly maxQueuedRecords: number;
  readonly maxQueuedBytes: number;
  /** Longest wait before a partition that failed opens again. */
  readonly maxRetryMs: number;
}

export interface PartitionTaskDependencies {
  readonly hooks: PartitionHooks | undefined;
  /** Where to begin when `open` names no offset. */
  readonly resumeAt: (partition: PartitionRef) => Promise<number>;
  readonly handle: (batch: RecordBatch, partition: PartitionRef, signal: AbortSignal) => Promise<BatchOutcome>;
  /** Something may be fetched again. */
  readonly wake: () => void;
  readonly isPaused: () => boolean;
  readonly logger: KafkaLogger | undefined;
  /** From 0 to 1, for the jitter. */
  readonly random: () => number;
}

type Ending = FailureOutcome | { readonly kind: 'release' };

const RELEASE: Ending = { kind: 'release' };
/** First wait after what was thrown. */
const RETRY_MS = 250;

/**
 * The life of one assigned partition: open -> hand over batches -> (retry: close, wait, open again | stop: close, wait
 * for an operator | release: drain, close).
 *
 * Failure semantics: `open` names the position, and nothing below it is handed over; each record from there on is handed
 * over in the order of the log, one handler call at a time, until the task closes. Whatever was handed over and not made
 * durable comes again after the next `open`. Records of a piece that was fetched for a former opening are dropped by
 * the queue's rule. How long a failed partition waits is decided here and nowhere else (`retryDelay`).
 */
export class PartitionTask {
  private readonly queue: PartitionQueue;
  private readonly unsettled = new OldestUnsettled();
  /** The position that the handler has acknowledged; undefined until the first opening. */
  private acked: number | undefined;
  private state: PartitionTaskState = 'opening';
  private error: string | undefined;
  private end: number | undefined;
  private endAt = -Infinity;
  private interruption: Ending | undefined;
  private releaseBy: number | undefined;
  private resumes = 0;
  private retries = 0;
  /** Highest position known to be settled; -1: none. */
  private furthest = -1;
  private handlingSince: number | undefined;
  private aborter = new AbortController();
  private readonly releasing = new AbortController();
  private readonly deadline = new AbortController();
  /** Ends the waiting for a handler call, once the release's deadline has passed. */
  private expire: (() => void) | undefined;
  private signalChange: (() => void) | undefined;
  /** Resolves when the task has closed for good. */
  readonly finished: Promise<void>;

  constructor(
    readonly partition: PartitionRef,
    private readonly parts: PartitionTaskDependencies,
    private readonly options: PartitionTaskOptions,
    /** The partition's former task, which must have let go before this one opens. */
    after: Promise<void>,
  ) {
    this.queue = new PartitionQueue(partition, options);
    this.finished = after.then(() => this.live());
  }

  /** What to fetch; undefined while nothing is to be. */
  wanted(): Wanted | undefined {
    if (this.state !== 'running' || this.queue.full) return undefined;
    return { ...this.partition, offset: this.queue.fetchFrom };
  }

  deliver(fetched: Fetched): void {
    this.observeEnd(fetched.end);
    if (this.state === 'running' && this.queue.accept(fetched)) this.changed();
  }

  observeEnd(end: number): void {
    this.end = end;
    this.endAt = performance.now();
  }

  /** Milliseconds since the broker last told the partition's end. */
  get endAgeMs(): number {
    return performance.now() - this.endAt;
  }

  /** Milliseconds that the current handler call has taken; 0 between calls. */
  get handlingMs(): number {
    return this.handlingSince === undefined ? 0 : Math.round(performance.now() - this.handlingSince);
  }

  /** As if the handler had returned this outcome: for a failure found behind it. */
  interrupt(outcome: BatchOutcome): void {
    if (outcome.kind === 'ack') return;
    if (this.state !== 'running') {
      if (this.state === 'draining') this.parts.logger?.warn({ ...this.partition, err: outcome.cause }, 'drain failed');
      return;
    }
    this.interruption ??= outcome;
    this.aborter.abort();
    this.changed();
  }

  /** The server is not paused any more, and what was stopped opens again. */
  resume(): void {
    this.resumes++;
    this.changed();
  }

  changed(): void {
    this.signalChange?.();
  }

  /** Drains within `drainMs` and closes. Resolves when `close` is done; called again, the earlier deadline holds. */
  async release(drainMs: number): Promise<void> {
    this.releaseBy ??= performance.now() + drainMs;
    this.releasing.abort();
    this.aborter.abort();
    this.changed();
    const remaining = this.releaseBy - performance.now();
    const timer = setTimeout(
      () => {
        this.deadline.abort();
        this.expire?.();
        this.changed();
      },
      Math.max(Math.min(remaining, drainMs), 0),
    );
    try {
      await this.finished;
    } finally {
      clearTimeout(timer);
    }
  }

  get status(): PartitionStatus {
    const { queue, error } = this;
    return {
      ...this.partition,
      state: this.shownState(),
      position: this.acked === undefined ? undefined : queue.position,
      ...this.lag(),
      queuedRecords: queue.queuedRecords,
      queuedBytes: queue.queuedBytes,
      ...(error === undefined ? {} : { error }),
    };
  }

  private lag(): Pick<PartitionStatus, 'lag' | 'lagMs'> {
    const { durable, end } = this;
    if (end === undefined || durable === undefined) return { lag: undefined, lagMs: undefined };
    if (end <= durable) return { lag: 0, lagMs: 0 };
    const oldest = this.unsettled.timestamp(durable, this.queue.headTimestamp);
    return { lag: end - durable, lagMs: oldest === undefined ? undefined : Math.max(Date.now() - oldest, 0) };
  }

  /** First offset that is not settled: as the hooks have it, or as the handler has acknowledged. */
  private get durable(): number | undefined {
    if (this.acked === undefined) return undefined;
    const { hooks } = this.parts;
    if (hooks?.durablePosition === undefined) return this.acked;
    // While the partition is closed it is told by nobody; what was taken and not settled comes again.
    return hooks.durablePosition(this.partition) ?? (this.furthest < 0 ? this.acked : this.furthest);
  }

  private shownState(): PartitionTaskState {
    return this.state === 'running' && this.parts.isPaused() ? 'paused' : this.state;
  }

  private get isReleasing(): boolean {
    return this.releasing.signal.aborted;
  }

  private async live(): Promise<void> {
    while (!this.isReleasing) {
      const ending = await this.openAndRun();
      if (ending.kind === 'release') await this.drain();
      this.aborter.abort();
      await this.settle('close', () => this.parts.hooks?.close(this.partition));
      this.queue.reset(this.acked ?? 0);
      if (ending.kind === 'retry') await this.waitToRetry(ending);
      if (ending.kind === 'stop') await this.waitForOperator(ending.cause);
    }
    this.state = 'draining';
  }

  private async openAndRun(): Promise<Ending> {
    this.state = 'opening';
    this.interruption = undefined;
    this.aborter = new AbortController();
    let from: number;
    try {
      from =
        (await this.parts.hooks?.open(this.partition, this.aborter.signal)) ??
        (await this.parts.resumeAt(this.partition));
    } catch (error) {
      if (this.isReleasing) return RELEASE;
      return (
        this.parts.hooks?.failed?.(this.partition, error) ?? (isPermanent(error) ? stopFor(error) : retryFor(error))
      );
    }
    if (this.isReleasing) return RELEASE;
    this.queue.reset(from);
    this.acked = from;
    this.unsettled.rewind(from);
    this.state = 'running';
    this.error = undefined;
    this.parts.wake();
    try {
      return await this.handOver();
    } catch (error) {
      // A handler names what it foresees as an outcome; what it throws is a retriable error that says so, or a defect.
      return isRetriable(error) && !isPermanent(error) ? retryFor(error) : stopFor(error);
    } finally {
      this.noteProgress();
    }
  }

  private async handOver(): Promise<Ending> {
    for (;;) {
      if (this.isReleasing) return RELEASE;
      if (this.interruption !== undefined) return this.interruption;
      const heldBack = this.wanted() === undefined;
      const batch = this.parts.isPaused() ? undefined : this.queue.take(this.options.maxBatchRecords);
      if (batch === undefined) {
        await new Promise<void>((resolve) => (this.signalChange = resolve));
        continue;
      }
      if (heldBack) this.parts.wake();
      this.unsettled.handedOver(batch, this.durable ?? 0);
      const outcome = await this.call(batch);
      if (outcome.kind !== 'ack') return outcome;
      this.acked = batch.nextOffset;
    }
  }

  /** The backoff begins anew only beyond what any opening has settled: a handler may take first and fail later. */
  private noteProgress(): void {
    const { hooks } = this.parts;
    const settled = hooks?.durablePosition === undefined ? this.acked : hooks.durablePosition(this.partition);
    if (settled === undefined || settled <= this.furthest) return;
    this.furthest = settled;
    this.retries = 0;
  }

  /** One handler call. A release does not wait for it beyond its deadline: what it still does is fenced, or repeated. */
  private async call(batch: RecordBatch): Promise<BatchOutcome | Ending> {
    this.handlingSince = performance.now();
    try {
      return await new Promise<BatchOutcome | Ending>((resolve, reject) => {
        this.expire = (): void => {
          resolve(RELEASE);
        };
        this.parts.handle(batch, this.partition, this.aborter.signal).then(resolve, reject);
      });
    } finally {
      this.expire = undefined;
      this.handlingSince = undefined;
    }
  }

  private async drain(): Promise<void> {
    if (this.state !== 'running') return;
    this.state = 'draining';
    const { signal } = this.deadline;
    if (signal.aborted) return;
    const drained = this.settle('drain', () => this.parts.hooks?.drain(this.partition, signal));
    await Promise.race([drained, aborted(signal)]);
  }

  private async waitToRetry(ending: { afterMs: number; cause: unknown }): Promise<void> {
    // A handler that ended because of the release: nothing failed.
    if (this.isReleasing && ending.cause === this.aborter.signal.reason) return;
    this.state = 'retrying';
    this.error = messageOf(ending.cause);
    const waitMs = retryDelay(ending.afterMs, this.retries++, this.options.maxRetryMs, this.parts.random());
    this.parts.logger?.warn({ ...this.partition, err: ending.cause, waitMs }, 'partition closed; it opens again');
    await delay(waitMs, this.releasing.signal);
  }

  private async waitForOperator(cause: Error): Promise<void> {
    this.state = 'stopped';
    this.error = messageOf(cause);
    const before = this.resumes;
    this.parts.logger?.error({ ...this.partition, err: cause }, 'partition stopped; an operator has to resume it');
    while (this.resumes === before && !this.isReleasing) {
      await new Promise<void>((resolve) => (this.signalChange = resolve));
    }
    this.retries = 0;
  }

  private async settle(step: string, run: () => Promise<void> | undefined): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.parts.logger?.warn({ ...this.partition, err: error }, `${step} of the partition failed`);
    }
  }
}

/** What will be the same at the next try: a programming error, or one that says so of itself. */
function isPermanent(error: unknown): boolean {
  if (error instanceof OrderstreamError) return !error.retriable;
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

const stopFor = (cause: unknown): Ending => ({
  kind: 'stop',
  cause: cause instanceof Error ? cause : new Error(messageOf(cause), { cause }),
});

const retryFor = (cause: unknown): Ending => ({ kind: 'retry', afterMs: RETRY_MS, cause });

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });

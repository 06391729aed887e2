import { type KafkaLogger } from '../client/kafka-settings';
import { delay } from '../delay';
import { type BatchOutcome, type FailureOutcome, stop } from '../outcome';
import { type Fetched, type LogEnds, type Wanted } from '../read/log-client';
import { type RecordBatch } from '../record';
import { type TopicPartition } from '../topic-partition';
import { isProgrammingError, messageOf, outcomeOfHandlerError, outcomeOfOpenError } from './error-outcome';
import { type PartitionHooks } from './partition-hooks';
import { type OpenTransaction, PartitionLag } from './partition-lag';
import { PartitionQueue } from './partition-queue';
import { RetryBackoff } from './retry-delay';
import { type PartitionTaskState, type PartitionStatus } from './server-options';

export interface PartitionTaskOptions {
  readonly maxBatchRecords: number;
  readonly maxQueuedRecords: number;
  readonly maxQueuedBytes: number;
  /** Longest wait before a partition that failed opens again. */
  readonly maxRetryMs: number;
  /** How long a partition whose log cannot be read any further may settle what was read before. */
  readonly drainTimeoutMs: number;
}

export interface PartitionTaskDependencies {
  readonly hooks: PartitionHooks | undefined;
  /** Called before `hooks.open`. Rejects when the partition must not be opened. */
  readonly verify: (partition: TopicPartition) => Promise<void>;
  /** The offset to begin at when `hooks.open` returns none. */
  readonly resumeAt: (partition: TopicPartition) => Promise<number>;
  readonly handle: (batch: RecordBatch, partition: TopicPartition, signal: AbortSignal) => Promise<BatchOutcome>;
  /** Called when the task wants to fetch again. */
  readonly wake: () => void;
  readonly isPaused: () => boolean;
  /** See `KafkaBatchServerOptions`. */
  readonly leadsOn?: ((partition: TopicPartition, cause: Error) => string | undefined) | undefined;
  /** Called for each programming error of the handler or of a hook. */
  readonly onProgrammingError: (partition: TopicPartition) => void;
  readonly logger: KafkaLogger | undefined;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
}

type Ending = FailureOutcome | { readonly kind: 'release' };

const RELEASE: Ending = { kind: 'release' };

/**
 * Runs one assigned partition: open -> hand over batches -> (retry: close, wait, open again | stop: close, wait for an
 * operator | release: drain, close).
 *
 * Failure semantics: `hooks.open` returns the first offset. Each record from there on is handed over in the order of the
 * log, one handler call at a time, until the task closes; no earlier record is. What was handed over and not made durable
 * is handed over again after the next `hooks.open`. The queue drops records that were fetched for an earlier opening.
 */
export class PartitionTask {
  private readonly queue: PartitionQueue;
  private readonly lag = new PartitionLag();
  private readonly backoff: RetryBackoff;
  /** The next offset after what the handler has acknowledged; undefined until the first opening. */
  private acked: number | undefined;
  private state: PartitionTaskState = 'opening';
  private error: string | undefined;
  /** `hooks.open` was called, and `hooks.close` not yet. */
  private isOpened = false;
  private interruption: FailureOutcome | undefined;
  /** Why the log cannot be read any further. What was fetched before is handed over and drained first. */
  private unreadable: Error | undefined;
  private releaseBy: number | undefined;
  private resumes = 0;
  private handlingSince: number | undefined;
  private aborter = new AbortController();
  /** Aborted to end the wait of a failed partition. */
  private waiting = new AbortController();
  private readonly releasing = new AbortController();
  private readonly deadline = new AbortController();
  /** Ends the wait for a handler call after the deadline of a release. */
  private expire: (() => void) | undefined;
  private signalChange: (() => void) | undefined;
  /** Resolves when the task has closed for good. */
  readonly finished: Promise<void>;

  constructor(
    readonly partition: TopicPartition,
    private readonly dependencies: PartitionTaskDependencies,
    private readonly options: PartitionTaskOptions,
    /** The end of the partition's previous task. This one opens after it. */
    after: Promise<void>,
  ) {
    this.queue = new PartitionQueue(partition, options);
    this.backoff = new RetryBackoff(options.maxRetryMs, dependencies.random);
    this.finished = after.then(() => this.run());
  }

  /** What to fetch; undefined when the task is not running or its queue is full. */
  wanted(): Wanted | undefined {
    if (this.state !== 'running' || this.queue.full || this.unreadable !== undefined) return undefined;
    return { ...this.partition, offset: this.queue.fetchFrom };
  }

  deliver(fetched: Fetched): void {
    this.observeEnds(fetched);
    if (this.state === 'running' && this.queue.accept(fetched)) this.changed();
  }

  observeEnds({ lastStableOffset, highWatermark }: LogEnds): void {
    this.lag.observeEnds({ lastStableOffset, highWatermark });
  }

  /** Milliseconds since the broker last returned the ends of the partition. */
  get endsAgeMs(): number {
    return this.lag.endsAgeMs;
  }

  /** The oldest open transaction of the partition; undefined when there is none. */
  get openTransaction(): OpenTransaction | undefined {
    return this.lag.openTransaction;
  }

  /** Duration of the current handler call; 0 between calls. */
  get handlingMs(): number {
    return this.handlingSince === undefined ? 0 : Math.round(performance.now() - this.handlingSince);
  }

  /** Ends the opening as if the handler had returned this outcome. For failures that a service finds outside its handler. */
  interrupt(outcome: BatchOutcome): void {
    if (outcome.kind === 'ack') return;
    if (this.state !== 'running') {
      if (this.state === 'draining') this.logger?.warn({ ...this.partition, err: outcome.cause }, 'drain failed');
      return;
    }
    this.interruption ??= outcome;
    this.aborter.abort();
    this.changed();
  }

  /**
   * The log cannot be read from `offset` on. The partition stops once what was fetched before is handed over and drained:
   * an operator's command that leads past `offset` finds everything before it settled.
   */
  endAt(offset: number, cause: Error): void {
    if (this.state !== 'running' || this.queue.fetchFrom !== offset) return;
    this.unreadable ??= cause;
    this.changed();
  }

  /** The server is no longer paused. A stopped partition opens again. */
  resume(): void {
    this.resumes++;
    this.changed();
  }

  /** Ends the wait of a failed partition, as what it failed by may be over. The next waits are short again. */
  retryNow(): void {
    this.backoff.reset();
    this.waiting.abort();
  }

  /** Drains within `drainMs` and closes. Resolves when `hooks.close` is done. Of several calls the earliest deadline holds. */
  async release(drainMs: number): Promise<void> {
    this.releaseBy ??= performance.now() + drainMs;
    this.releasing.abort();
    this.waiting.abort();
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
      state: this.state === 'running' && this.dependencies.isPaused() ? 'paused' : this.state,
      nextOffset: this.acked === undefined ? undefined : queue.nextOffset,
      ...this.lag.from(this.firstUnsettled, queue.headTimestamp),
      queuedRecords: queue.queuedRecords,
      queuedBytes: queue.queuedBytes,
      ...(error === undefined ? {} : { error }),
    };
  }

  /** First offset that is not settled: from the hook, or else what the handler has acknowledged. */
  private get firstUnsettled(): number | undefined {
    if (this.acked === undefined) return undefined;
    const { hooks } = this.dependencies;
    if (hooks?.firstUnsettledOffset === undefined) return this.acked;
    // The hook knows no offset while the partition is closed. What was taken and not settled is handed over again.
    return hooks.firstUnsettledOffset(this.partition) ?? this.backoff.settledUpTo ?? this.acked;
  }

  private get logger(): KafkaLogger | undefined {
    return this.dependencies.logger;
  }

  private get isReleasing(): boolean {
    return this.releasing.signal.aborted;
  }

  private changed(): void {
    this.signalChange?.();
  }

  private untilChanged(): Promise<void> {
    return new Promise((resolve) => (this.signalChange = resolve));
  }

  private async run(): Promise<void> {
    while (!this.isReleasing) {
      const ending = this.withoutRetryOfDefects(
        (await this.verify()) ?? (await this.open()) ?? (await this.handOverBatches()),
      );
      if (ending.kind === 'release') await this.drain();
      this.aborter.abort();
      if (this.isOpened) await this.callHook('close', () => this.dependencies.hooks?.close(this.partition));
      this.queue.reset(this.acked ?? 0);
      if (ending.kind === 'retry') await this.waitToRetry(ending);
      if (ending.kind === 'stop') await this.waitForOperator(ending.cause);
    }
    this.state = 'draining';
  }

  /** Returns undefined when the partition may be opened. */
  private async verify(): Promise<Ending | undefined> {
    // A partition that failed is retried until it runs.
    this.state = this.error === undefined ? 'opening' : 'retrying';
    this.isOpened = false;
    this.interruption = undefined;
    this.unreadable = undefined;
    this.aborter = new AbortController();
    try {
      await this.dependencies.verify(this.partition);
    } catch (error) {
      return this.isReleasing ? RELEASE : outcomeOfOpenError(error);
    }
    return this.isReleasing ? RELEASE : undefined;
  }

  /** Returns undefined when the partition is open. */
  private async open(): Promise<Ending | undefined> {
    const { hooks, resumeAt, wake } = this.dependencies;
    this.isOpened = true;
    let from: number;
    try {
      from = (await hooks?.open(this.partition, this.aborter.signal)) ?? (await resumeAt(this.partition));
    } catch (error) {
      if (this.isReleasing) return RELEASE;
      return hooks?.failed?.(this.partition, error) ?? outcomeOfOpenError(error);
    }
    if (this.isReleasing) return RELEASE;
    this.queue.reset(from);
    this.acked = from;
    this.lag.rewind(from);
    this.state = 'running';
    this.error = undefined;
    wake();
    return undefined;
  }

  private async handOverBatches(): Promise<Ending> {
    try {
      for (;;) {
        if (this.isReleasing) return RELEASE;
        if (this.interruption !== undefined) return this.interruption;
        const wasFull = this.wanted() === undefined;
        const batch = this.dependencies.isPaused() ? undefined : this.queue.take(this.options.maxBatchRecords);
        if (batch === undefined) {
          if (this.unreadable !== undefined && this.queue.queuedRecords === 0) {
            return await this.drainAndStop(this.unreadable);
          }
          await this.untilChanged();
          continue;
        }
        if (wasFull) this.dependencies.wake();
        this.lag.handedOver(batch, this.firstUnsettled ?? 0);
        const outcome = await this.callHandler(batch);
        if (outcome.kind !== 'ack') return outcome;
        this.acked = batch.nextOffset;
      }
    } catch (error) {
      return outcomeOfHandlerError(error);
    } finally {
      const { hooks } = this.dependencies;
      this.backoff.noteSettled(
        hooks?.firstUnsettledOffset === undefined ? this.acked : hooks.firstUnsettledOffset(this.partition),
      );
    }
  }

  /** A release waits for the call only until its deadline. What the handler does later is fenced, or repeated. */
  private async callHandler(batch: RecordBatch): Promise<BatchOutcome | Ending> {
    this.handlingSince = performance.now();
    try {
      return await new Promise<BatchOutcome | Ending>((resolve, reject) => {
        this.expire = (): void => {
          resolve(RELEASE);
        };
        this.dependencies.handle(batch, this.partition, this.aborter.signal).then(resolve, reject);
      });
    } finally {
      this.expire = undefined;
      this.handlingSince = undefined;
    }
  }

  /** A programming error stops the partition, whatever the handler or the hooks make of it: a retry would never end. */
  private withoutRetryOfDefects(ending: Ending): Ending {
    if (ending.kind === 'release' || !isProgrammingError(ending.cause)) return ending;
    this.dependencies.onProgrammingError(this.partition);
    return ending.kind === 'stop' ? ending : stop(ending.cause as Error);
  }

  /** Stops the partition also when what was taken is not settled in time. */
  private async drainAndStop(cause: Error): Promise<Ending> {
    await this.callDrain(AbortSignal.any([AbortSignal.timeout(this.options.drainTimeoutMs), this.aborter.signal]));
    if (this.isReleasing) return RELEASE;
    return this.interruption ?? stop(cause);
  }

  private async drain(): Promise<void> {
    if (this.state !== 'running') return;
    this.state = 'draining';
    const { signal } = this.deadline;
    if (!signal.aborted) await this.callDrain(signal);
  }

  /** Resolves when the signal aborts, if the hook has not settled before. */
  private async callDrain(signal: AbortSignal): Promise<void> {
    const drained = this.callHook('drain', () => this.dependencies.hooks?.drain(this.partition, signal));
    await Promise.race([drained, aborted(signal)]);
  }

  private async waitToRetry(ending: { afterMs: number; cause: unknown }): Promise<void> {
    // A handler that ended because of the release has not failed.
    if (this.isReleasing && ending.cause === this.aborter.signal.reason) return;
    this.state = 'retrying';
    this.error = messageOf(ending.cause);
    const waitMs = this.backoff.nextMs(ending.afterMs);
    this.logger?.warn({ ...this.partition, err: ending.cause, waitMs }, 'partition failed; it opens again');
    this.waiting = new AbortController();
    if (!this.isReleasing) await delay(waitMs, this.waiting.signal);
  }

  private async waitForOperator(cause: Error): Promise<void> {
    this.state = 'stopped';
    const leadsOn = this.dependencies.leadsOn?.(this.partition, cause);
    this.error = leadsOn === undefined ? messageOf(cause) : `${messageOf(cause)} ${leadsOn}`;
    const before = this.resumes;
    const defect = isProgrammingError(cause) ? ' by a defect of this program: report this line' : '';
    this.logger?.error(
      { ...this.partition, err: cause },
      `partition stopped${defect}; POST /admin/resume opens it again${leadsOn === undefined ? '' : `. ${leadsOn}`}`,
    );
    while (this.resumes === before && !this.isReleasing) await this.untilChanged();
    this.error = undefined;
    this.backoff.reset();
  }

  /** Logs an error of the hook: the partition closes in any case. */
  private async callHook(name: string, call: () => Promise<void> | undefined): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (isProgrammingError(error)) this.dependencies.onProgrammingError(this.partition);
      this.logger?.warn({ ...this.partition, err: error }, `${name} of the partition failed`);
    }
  }
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

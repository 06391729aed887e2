import { type Family } from '@orderstream/contracts';
import { isRetriable } from '@orderstream/errors';
import { type Scenario } from '@orderstream/simulation';
import { type StoredCheckpoint } from '../journal/journal';
import { AchievedRate } from './achieved-rate';
import { type Batch, nextBatch } from './batch';
import { CurrentSegment, type SegmentOptions, type SegmentSettings } from './current-segment';
import { Pipeline, type Sender } from './pipeline';
import { type RecordSource } from './record-source';

export interface EmitterSettings extends SegmentSettings {
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  readonly maxBatchesInFlight: number;
  /** How long due events wait for more events of their batch, milliseconds. */
  readonly lingerMs: number;
  /** Records between two checkpoints. */
  readonly checkpointEvery: number;
}

export type EmitterState = 'stopped' | 'running' | 'retrying' | 'finished' | 'failed';

export interface RunStatus {
  /** Number of the first record among the records of all segments. */
  readonly firstSeq: number;
  readonly generated: number;
  /** Events: records that do not announce the catalog. They count for GENERATOR_MAX_EVENTS. */
  readonly events: number;
  readonly acked: number;
  readonly defects: number;
  /** Records that were sent again, because their outcome was unknown. */
  readonly resent: number;
}

export interface EmitterOptions extends SegmentOptions {
  readonly sender: Sender;
  readonly settings: EmitterSettings;
  readonly topicOf: (family: Family) => string;
  readonly onAcked?: (batch: Batch) => void;
}

const RETRY_MS = 1_000;
/** Records reserved at a time in an unthrottled run. */
const UNTHROTTLED_AHEAD = 20_000;
const POSITION_INTERVAL_MS = 1_000;
const CHECKPOINT_INTERVAL_MS = 5_000;
const NO_RUN: RunStatus = { firstSeq: 0, generated: 0, events: 0, acked: 0, defects: 0, resent: 0 };

/**
 * Emits segments of the simulation to Kafka: the records that are due by the virtual clock, which follows the wall clock.
 * The rate is that of the simulation; the bucket that bounds it holds virtual time. It fills by the wall clock, each record
 * takes the time since the one before it, and it holds five seconds. What overflows is a gap: sessions that would have
 * started in it do not exist, and the steps of open sessions that were due in it are sent at once. At most
 * `maxBatchesInFlight` batches wait for the broker.
 *
 * Failure semantics: at least once. When sending fails, or after a kill, the records from the first one that is not
 * acknowledged are computed again and sent again: same ids, same bytes, same order. So the log may have records twice, one
 * run of records behind the other; the validator skips the second ones. Records of catalog and customers are acknowledged
 * before orders and interactions behind them are sent. A change of rate or scenario is in the journal before the first
 * record that depends on it is sent.
 */
export class Emitter {
  private current: EmitterState = 'stopped';
  private stats = NO_RUN;
  /** Counts at the last acknowledgement: what is sent again counts once. */
  private ackedStats = NO_RUN;
  private error: unknown;
  private loop: Promise<void> = Promise.resolve();
  private abort = new AbortController();
  private readonly segment: CurrentSegment;
  /** Records of this segment with a smaller number were counted before the run. */
  private counted = { segment: '', until: 0 };
  private checkpointed = { segment: '', record: 0, atMs: 0 };
  private pendingCheckpoint: StoredCheckpoint | undefined;
  private readonly achieved = new AchievedRate();
  private hasRun = false;

  constructor(private readonly options: EmitterOptions) {
    this.segment = new CurrentSegment(options, () => this.remaining);
  }

  get state(): EmitterState {
    return this.current;
  }

  /** Why the state is `failed` or `retrying`. */
  get cause(): unknown {
    return this.error;
  }

  get run(): RunStatus {
    return this.stats;
  }

  get targetRate(): number {
    return this.segment.target.rate;
  }

  get achievedRate(): number {
    return this.achieved.at(this.options.clock.now());
  }

  get targetScenario(): Scenario {
    return this.segment.target.scenario;
  }

  /** Number of the next record among the records of all segments. */
  get nextSeq(): number {
    const { last } = this.options.journal;
    return last === undefined ? 0 : last.firstSeq + (this.segment.source?.number ?? last.acknowledged);
  }

  /** Milliseconds since 1970; undefined before the first record. */
  get virtualMs(): number | undefined {
    return this.segment.source?.reachedMs;
  }

  /** Starts a run, or continues one that was stopped. Does nothing while one is running or after a failure. */
  start(): void {
    if (this.current !== 'stopped' && this.current !== 'finished') return;
    const isNew = this.current === 'finished' || !this.hasRun;
    this.hasRun = true;
    this.work(() => this.emit(isNew));
  }

  /** Sends again what an earlier process may have sent, and stops. */
  resend(): void {
    const { segment } = this;
    if (this.current !== 'stopped' || !segment.mayBeMissing) return;
    this.work(() => this.sendWhile(() => segment.open().number < segment.resendUntil));
  }

  /** Resolves when every sent record is acknowledged, or sending has failed. May be called again. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
    if (this.current === 'running' || this.current === 'retrying') this.current = 'stopped';
  }

  setRate(rate: number): void {
    this.segment.setTarget({ rate });
  }

  setScenario(scenario: Scenario): void {
    this.segment.setTarget({ scenario });
  }

  /** Resolves when the emitter is stopped, finished or failed. */
  async idle(): Promise<void> {
    await this.loop;
  }

  private work(work: () => Promise<void>): void {
    this.current = 'running';
    this.abort = new AbortController();
    this.loop = work().then(
      () => {
        if (this.current === 'running') this.current = 'stopped';
      },
      (error: unknown) => {
        this.current = 'failed';
        this.error = error;
      },
    );
  }

  private async emit(isNew: boolean): Promise<void> {
    if (isNew) this.beginRun();
    await this.sendWhile(() => this.remaining > 0 && !this.hasEnded);
    if (!this.abort.signal.aborted) this.current = 'finished';
  }

  /** Sends records until the condition is false, or a stop. */
  private async sendWhile(condition: () => boolean): Promise<void> {
    const { sender, settings } = this.options;
    const { signal } = this.abort;
    while (!signal.aborted && condition()) {
      const pipeline = new Pipeline(sender, settings.maxBatchesInFlight, (batch) => {
        this.handleAcked(batch);
      });
      try {
        await this.feed(pipeline, condition);
      } finally {
        await pipeline.settled();
      }
      if (pipeline.hasFailed()) await this.handleFailure(pipeline.failureCause);
    }
    this.storePosition();
  }

  private async feed(pipeline: Pipeline, condition: () => boolean): Promise<void> {
    const { clock, settings } = this.options;
    const { signal } = this.abort;
    while (!signal.aborted && !pipeline.hasFailed() && condition()) {
      const source = this.segment.open();
      const change = this.segment.changeOf(source);
      if (change !== undefined) {
        await pipeline.settled();
        if (!pipeline.hasFailed()) change();
        continue;
      }
      const batch = this.nextBatch(source);
      if (batch !== undefined) await this.submit(pipeline, batch);
      if (batch === undefined || batch.records < settings.maxBatchRecords) await clock.wait(settings.lingerMs, signal);
    }
  }

  private nextBatch(source: RecordSource): Batch | undefined {
    const { clock, settings, topicOf } = this.options;
    const limits = {
      untilMs: clock.now(),
      // What may have been sent before has an end of its own: nothing behind it depends on a change that comes then.
      maxRecords: Math.min(settings.maxBatchRecords, this.segment.untilResent(source)),
      maxBytes: settings.maxBatchBytes,
      maxEvents: Math.min(this.remaining, settings.maxBatchRecords),
      countFrom: source.segment.id === this.counted.segment ? this.counted.until : 0,
    };
    return nextBatch(source, limits, topicOf);
  }

  private async submit(pipeline: Pipeline, batch: Batch): Promise<void> {
    const { journal, clock } = this.options;
    this.stats = {
      ...this.stats,
      generated: this.stats.generated + batch.generated,
      events: this.stats.events + batch.events,
      defects: this.stats.defects + batch.defects,
      resent: this.stats.resent + (batch.records - batch.generated),
    };
    if (batch.end > journal.current.reserved) journal.reserve(batch.end + this.aheadOf(batch.end), clock.now());
    if (this.pendingCheckpoint === undefined && this.isCheckpointDue(batch.end))
      this.pendingCheckpoint = this.checkpoint();
    await pipeline.submit(batch);
  }

  private handleAcked(batch: Batch): void {
    const { journal, clock, onAcked } = this.options;
    const now = clock.now();
    this.stats = { ...this.stats, acked: this.stats.acked + batch.generated };
    this.ackedStats = {
      ...this.ackedStats,
      generated: this.ackedStats.generated + batch.generated,
      events: this.ackedStats.events + batch.events,
      defects: this.ackedStats.defects + batch.defects,
    };
    this.achieved.add(batch.records, now);
    this.current = 'running';
    this.error = undefined;
    journal.acknowledge(batch.end);
    onAcked?.(batch);
    const { pendingCheckpoint } = this;
    if (pendingCheckpoint !== undefined && batch.end >= pendingCheckpoint.record)
      this.storeCheckpoint(pendingCheckpoint);
    if (now - (journal.atMs ?? 0) >= POSITION_INTERVAL_MS) journal.store(now);
  }

  /** Waits; what is not acknowledged is computed again. @throws the cause if it is not retriable */
  private async handleFailure(cause: unknown): Promise<void> {
    const { clock } = this.options;
    const { generated, events, defects } = this.ackedStats;
    const resent = this.stats.resent + (this.stats.generated - generated);
    this.stats = { ...this.stats, generated, events, defects, resent };
    this.segment.close();
    this.pendingCheckpoint = undefined;
    this.error = cause;
    if (!isRetriable(cause)) throw cause;
    this.current = 'retrying';
    await clock.wait(RETRY_MS, this.abort.signal);
  }

  private beginRun(): void {
    const { segment, number } = this.segment.beginRun();
    const until = Math.max(number, this.segment.resendUntil);
    this.counted = { segment: segment.id, until };
    this.stats = { ...NO_RUN, firstSeq: segment.firstSeq + until };
    this.ackedStats = this.stats;
  }

  private isCheckpointDue(record: number): boolean {
    const { journal, clock, settings } = this.options;
    const { segment, record: last, atMs } = this.checkpointed;
    const since = segment === journal.current.id ? record - last : record;
    return since >= settings.checkpointEvery && clock.now() - atMs >= CHECKPOINT_INTERVAL_MS;
  }

  private storePosition(): void {
    const { journal, clock } = this.options;
    if (journal.last?.isEnded !== false) return;
    const checkpoint = this.checkpoint();
    if (checkpoint?.record !== journal.current.acknowledged) {
      journal.store(clock.now());
      return;
    }
    // Everything is acknowledged, and nothing behind it was sent by this process.
    journal.reserve(Math.max(checkpoint.record, this.segment.resendUntil), clock.now());
    this.storeCheckpoint(checkpoint);
  }

  private storeCheckpoint(checkpoint: StoredCheckpoint): void {
    this.options.journal.storeCheckpoint(checkpoint);
    this.checkpointed = { segment: checkpoint.segment, record: checkpoint.record, atMs: this.options.clock.now() };
    this.pendingCheckpoint = undefined;
  }

  private checkpoint(): StoredCheckpoint | undefined {
    const { source } = this.segment;
    return source && { segment: source.segment.id, record: source.number, checkpoint: source.checkpoint() };
  }

  private get remaining(): number {
    const { maxEvents } = this.options.settings;
    return maxEvents === 0 ? Infinity : maxEvents - this.stats.events;
  }

  private get hasEnded(): boolean {
    return this.segment.source?.isFinished === true;
  }

  /** How many records are reserved behind a batch: those of about a second, none behind the end of the run. */
  private aheadOf(end: number): number {
    const { settings, journal } = this.options;
    const { rate } = this.segment.target;
    const perSecond = rate > 0 ? rate : UNTHROTTLED_AHEAD;
    const announcements = Math.max(0, journal.current.announcements - end);
    return Math.floor(Math.min(perSecond, settings.maxEvents === 0 ? Infinity : this.remaining + announcements));
  }
}

import { type Family } from '@orderstream/contracts';
import { isRetriable } from '@orderstream/errors';
import { type RecordCheckpoint, RecordCursor, type Scenario, SIMULATION_VERSION } from '@orderstream/simulation';
import { type EmissionJournal, type StoredCheckpoint } from '../journal/journal';
import { AchievedRate } from './achieved-rate';
import { type Batch, nextBatch } from './batch';
import { type Clock } from './clock';
import { Pipeline, type Sender } from './pipeline';
import { RecordSource } from './record-source';
import { liveRate, type PaceBounds, pastPace, rateWithin } from './schedule';

export interface EmitterSettings extends PaceBounds {
  readonly seed: string;
  /** Events of a run, without the announcement of the catalog; 0 is endless. */
  readonly maxEvents: number;
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  readonly maxBatchesInFlight: number;
  /** How long due events wait for more events of their batch, milliseconds. */
  readonly lingerMs: number;
  /** Records between two checkpoints. */
  readonly checkpointEvery: number;
  /** A first segment does not begin before this time: an earlier one may have events of it. */
  readonly notBeforeMs: number;
}

/** What is emitted. A change applies from the next batch on. */
export interface Target {
  readonly scenario: Scenario;
  /** Events per second; 0 is unthrottled. */
  readonly rate: number;
  readonly defectRate: number;
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

export interface EmitterOptions {
  readonly journal: EmissionJournal;
  readonly sender: Sender;
  readonly clock: Clock;
  readonly settings: EmitterSettings;
  readonly target: Target;
  readonly topicOf: (family: Family) => string;
  readonly onAcked?: (batch: Batch) => void;
  /** Called when a segment begins, with the reason. */
  readonly onSegment?: (id: string, reason: string) => void;
}

/**
 * Virtual time that a run may be behind the wall clock. What it is behind more than this is left out: an outage leaves a
 * gap, no flood.
 */
const MAX_BEHIND_MS = 5_000;
/** After a longer standstill a new segment begins, without the orders that were open. */
const MAX_STANDSTILL_MS = 300_000;
/** The validator remembers event ids for a day. What it may have forgotten is not sent again. */
const RESEND_WITHIN_MS = 12 * 3_600_000;
const RETRY_MS = 1_000;
/** Records reserved at a time in an unthrottled run. */
const UNTHROTTLED_AHEAD = 20_000;
const POSITION_INTERVAL_MS = 1_000;
const CHECKPOINT_INTERVAL_MS = 5_000;
/** Bounds the journal's list of rates of one segment. */
const MAX_RATES = 1_000;
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
  private source: RecordSource | undefined;
  /** Records with a smaller number were counted before this run. */
  private countFrom = 0;
  /** Records with a smaller number may have been sent before. */
  private resendUntil = 0;
  private checkpointed = { record: 0, atMs: 0 };
  private pendingCheckpoint: StoredCheckpoint | undefined;
  private target: Target;
  private readonly achieved = new AchievedRate();
  /** The segment of an earlier process stood still for too long. */
  private isStale = false;
  private isOpened = false;
  private hasRun = false;
  /** A run in the past must get a rate at which it ends before the present. */
  private needsRate = false;
  /** The last scenarios that were compared, and found equal. */
  private equal: { readonly segment: Scenario; readonly target: Scenario } | undefined;

  constructor(private readonly options: EmitterOptions) {
    this.target = options.target;
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
    return this.target.rate;
  }

  get achievedRate(): number {
    return this.achieved.at(this.options.clock.now());
  }

  get targetScenario(): Scenario {
    return this.target.scenario;
  }

  /** Number of the next record among the records of all segments. */
  get nextSeq(): number {
    const { last } = this.options.journal;
    return last === undefined ? 0 : last.firstSeq + (this.source?.number ?? last.acknowledged);
  }

  /** Milliseconds since 1970; undefined before the first record. */
  get virtualMs(): number | undefined {
    return this.source?.reachedMs;
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
    const { last } = this.options.journal;
    const mayBeMissing = last?.isEnded === false && last.acknowledged < last.reserved;
    if (this.current !== 'stopped' || !mayBeMissing || this.whyNotContinued() !== undefined) return;
    this.work(async () => {
      this.source = this.openSource();
      await this.sendWhile(() => (this.source?.number ?? 0) < this.resendUntil);
    });
  }

  /** Resolves when every sent record is acknowledged, or sending has failed. May be called again. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
    if (this.current === 'running' || this.current === 'retrying') this.current = 'stopped';
  }

  setRate(rate: number): void {
    this.target = { ...this.target, rate };
    this.needsRate = true;
  }

  setScenario(scenario: Scenario): void {
    this.target = { ...this.target, scenario };
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
    this.source ??= this.openSource();
    if (isNew && this.source.isFinished && this.source.number >= this.resendUntil) {
      this.endSegment(this.source);
      this.source = this.beginSegment('the scenario of the last one had ended');
    }
    if (isNew) this.beginRun(this.source);
    await this.sendWhile(() => this.remaining > 0 && !this.hasEnded);
    if (!this.abort.signal.aborted) this.current = 'finished';
  }

  /** Sends records until the condition is false, or a stop. */
  private async sendWhile(condition: () => boolean): Promise<void> {
    const { sender, settings } = this.options;
    const { signal } = this.abort;
    while (!signal.aborted && condition()) {
      this.source ??= this.openSource();
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
      const source = this.source ?? this.openSource();
      const change = this.changeOf(source);
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
      maxRecords: Math.min(settings.maxBatchRecords, this.untilResent(source)),
      maxBytes: settings.maxBatchBytes,
      maxEvents: Math.min(this.remaining, settings.maxBatchRecords),
      countFrom: this.countFrom,
    };
    return nextBatch(source, limits, topicOf);
  }

  private async submit(pipeline: Pipeline, batch: Batch): Promise<void> {
    const { journal, clock, settings } = this.options;
    this.stats = {
      ...this.stats,
      generated: this.stats.generated + batch.generated,
      events: this.stats.events + batch.events,
      defects: this.stats.defects + batch.defects,
      resent: this.stats.resent + (batch.records - batch.generated),
    };
    if (batch.end > journal.current.reserved) journal.reserve(batch.end + this.aheadOf(batch.end), clock.now());
    const isDue =
      batch.end - this.checkpointed.record >= settings.checkpointEvery &&
      clock.now() - this.checkpointed.atMs >= CHECKPOINT_INTERVAL_MS;
    if (isDue && this.pendingCheckpoint === undefined) this.pendingCheckpoint = this.checkpoint();
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
    this.source = undefined;
    this.pendingCheckpoint = undefined;
    this.error = cause;
    if (!isRetriable(cause)) throw cause;
    this.current = 'retrying';
    await clock.wait(RETRY_MS, this.abort.signal);
  }

  /** What must happen before the next record is taken; undefined if nothing. */
  private changeOf(source: RecordSource): (() => void) | undefined {
    if (source.number < this.resendUntil) return undefined;
    const { segment } = source;
    const behindMs = this.options.clock.now() - source.reachedMs;
    if (this.isStale || (this.isLive && behindMs > MAX_STANDSTILL_MS)) {
      return () => {
        this.endSegment(source);
        this.source = this.beginSegment('the last one stood still for more than 5 minutes');
      };
    }
    if (segment.defectRate !== this.target.defectRate || !this.isTarget(segment.scenario)) {
      return () => {
        this.follow(source, `it has scenario ${this.target.scenario.name} and defect rate ${this.target.defectRate}`);
      };
    }
    if (segment.rates.length > MAX_RATES) {
      return () => {
        this.follow(source, 'the last one has many changes of rate');
      };
    }
    const isBehind = this.isLive && behindMs > MAX_BEHIND_MS;
    const rate = this.rateOf(source);
    if (!isBehind && segment.rates.at(-1)?.eventsPerSecond === rate) return undefined;
    return () => {
      this.changeRate(source, rate, isBehind);
    };
  }

  /** The rate that the segment should have now. A run in the past has the one that it began with. */
  private rateOf({ segment, reachedMs }: RecordSource): number {
    const { clock, settings } = this.options;
    if (this.isLive) return liveRate(this.target.rate);
    const present = segment.rates.at(-1)?.eventsPerSecond ?? 0;
    if (!this.needsRate) return present;
    this.needsRate = false;
    return Math.max(present, rateWithin(this.remaining, settings, clock.now() - reachedMs));
  }

  private changeRate(source: RecordSource, rate: number, isBehind: boolean): void {
    const { journal, clock } = this.options;
    const now = clock.now();
    const fromMs = Math.max(source.nextCellMs, source.segment.rates.at(-1)?.fromMs ?? 0);
    // Nothing behind the last record was sent: what was reserved at another rate is not needed.
    journal.reserve(source.number, now);
    const gap = isBehind ? [{ fromMs, eventsPerSecond: 0 }] : [];
    const atMs = this.isLive ? Math.max(fromMs, now) : fromMs;
    journal.addRates([...gap, { fromMs: atMs, eventsPerSecond: rate }]);
    // Steps that were due in the gap are sent now; sessions do not start in it.
    if (isBehind) source.reachedMs = now;
  }

  /** A new segment that goes on with the open orders. */
  private follow(source: RecordSource, reason: string): void {
    const checkpoint = source.checkpoint();
    const startMs = Math.ceil(source.reachedMs);
    this.endSegment(source);
    const rate = source.segment.rates.at(-1)?.eventsPerSecond ?? liveRate(this.target.rate);
    const pace = this.isLive
      ? { startMs: Math.max(startMs, this.options.clock.now()), eventsPerSecond: liveRate(this.target.rate) }
      : { startMs, eventsPerSecond: rate };
    this.source = this.beginSegment(reason, { pace, checkpoint });
  }

  private endSegment(source: RecordSource): void {
    const { journal, clock } = this.options;
    journal.reserve(source.number, clock.now());
    journal.end();
    this.isStale = false;
  }

  private beginRun({ number, segment }: RecordSource): void {
    this.countFrom = Math.max(number, this.resendUntil);
    this.stats = { ...NO_RUN, firstSeq: segment.firstSeq + this.countFrom };
    this.ackedStats = this.stats;
    this.needsRate = number > 0;
  }

  /** Continues the last segment of the journal, or begins one. */
  private openSource(): RecordSource {
    const { journal, clock } = this.options;
    const reason = this.whyNotContinued();
    const standstillMs = clock.now() - (journal.atMs ?? -Infinity);
    const isFirst = !this.isOpened;
    this.isOpened = true;
    if (reason !== undefined) {
      if (journal.last?.isEnded === false) journal.end();
      return this.beginSegment(reason);
    }
    const source = RecordSource.resume(journal);
    const { acknowledged, reserved } = source.segment;
    this.isStale = isFirst && standstillMs > MAX_STANDSTILL_MS;
    this.resendUntil = reserved;
    this.checkpointed = { record: acknowledged, atMs: clock.now() };
    if (acknowledged < reserved) journal.addResumed(acknowledged, reserved);
    return source;
  }

  /** Why the journal's last segment cannot continue; undefined if it can. */
  private whyNotContinued(): string | undefined {
    const { journal, clock, settings } = this.options;
    const { last, atMs } = journal;
    if (last === undefined) return 'the directory has no journal';
    if (last.isEnded) return 'the last one has ended';
    if (last.simulationVersion !== SIMULATION_VERSION) {
      return `the last one is of simulation version ${last.simulationVersion}, the program of version ${SIMULATION_VERSION}`;
    }
    if (last.seed !== settings.seed) return `the last one has seed ${last.seed}`;
    const isFirst = !this.isOpened;
    if (isFirst && clock.now() - (atMs ?? -Infinity) > RESEND_WITHIN_MS) {
      return 'the last one stood still for more than 12 hours';
    }
    return undefined;
  }

  private beginSegment(
    reason: string,
    followed?: {
      readonly pace: { readonly startMs: number; readonly eventsPerSecond: number };
      readonly checkpoint: RecordCheckpoint;
    },
  ): RecordSource {
    const { journal, settings, onSegment } = this.options;
    const { startMs, eventsPerSecond } = followed?.pace ?? this.firstPace();
    const segment = {
      id: journal.nextId(),
      seed: settings.seed,
      scenario: this.target.scenario,
      simulationVersion: SIMULATION_VERSION,
      startMs,
      // The journal adds to the list that the cursor reads.
      rates: [{ fromMs: startMs, eventsPerSecond }],
      defectRate: this.target.defectRate,
    };
    const cursor =
      followed === undefined ? RecordCursor.begin(segment) : RecordCursor.follow(segment, followed.checkpoint);
    const begun = journal.begin({ ...segment, announcements: cursor.announcements }, followed?.checkpoint);
    this.countFrom = 0;
    this.resendUntil = 0;
    this.needsRate = false;
    this.checkpointed = { record: 0, atMs: this.options.clock.now() };
    this.pendingCheckpoint = undefined;
    onSegment?.(segment.id, reason);
    return RecordSource.begin(begun, cursor);
  }

  private firstPace(): { readonly startMs: number; readonly eventsPerSecond: number } {
    const { journal, clock, settings } = this.options;
    const now = clock.now();
    const notBeforeMs = journal.atMs ?? settings.notBeforeMs;
    if (!this.isLive) return pastPace(this.remaining, settings, now, notBeforeMs);
    return { startMs: Math.max(now, notBeforeMs), eventsPerSecond: liveRate(this.target.rate) };
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
    journal.reserve(Math.max(checkpoint.record, this.resendUntil), clock.now());
    this.storeCheckpoint(checkpoint);
  }

  private storeCheckpoint(checkpoint: StoredCheckpoint): void {
    this.options.journal.storeCheckpoint(checkpoint);
    this.checkpointed = { record: checkpoint.record, atMs: this.options.clock.now() };
    this.pendingCheckpoint = undefined;
  }

  private checkpoint(): StoredCheckpoint | undefined {
    const { source } = this;
    return source && { segment: source.segment.id, record: source.number, checkpoint: source.checkpoint() };
  }

  private isTarget(scenario: Scenario): boolean {
    const { target } = this;
    if (this.equal?.segment === scenario && this.equal.target === target.scenario) return true;
    if (JSON.stringify(scenario) !== JSON.stringify(target.scenario)) return false;
    this.equal = { segment: scenario, target: target.scenario };
    return true;
  }

  /** Whether the virtual clock follows the wall clock. An unthrottled run of N events emits past times. */
  private get isLive(): boolean {
    return this.target.rate > 0 || this.options.settings.maxEvents === 0;
  }

  private get remaining(): number {
    const { maxEvents } = this.options.settings;
    return maxEvents === 0 ? Infinity : maxEvents - this.stats.events;
  }

  private get hasEnded(): boolean {
    return this.source?.isFinished === true;
  }

  /** Number of records that may have been sent before, from the next one on; Infinity if it was not. */
  private untilResent({ number }: RecordSource): number {
    return number < this.resendUntil ? this.resendUntil - number : Infinity;
  }

  /** How many records are reserved behind a batch: those of about a second, none behind the end of the run. */
  private aheadOf(end: number): number {
    const { settings, journal } = this.options;
    const perSecond = this.target.rate > 0 ? this.target.rate : UNTHROTTLED_AHEAD;
    const announcements = Math.max(0, journal.current.announcements - end);
    return Math.floor(Math.min(perSecond, settings.maxEvents === 0 ? Infinity : this.remaining + announcements));
  }
}

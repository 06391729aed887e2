import { isRetriable } from '@orderstream/errors';
import { type EmissionLedger } from '../ledger/emission-ledger';
import { dueBy, type PaceBounds, type Segment, segmentTimes, timeOf } from '../simulation/schedule';
import { AchievedRate } from './achieved-rate';
import { type Batch, nextBatch } from './batch';
import { type Clock } from './clock';
import { Pipeline, type Sender } from './pipeline';

export interface EmitterSettings extends PaceBounds {
  /** Events of a run; 0 is endless. */
  readonly maxEvents: number;
  readonly defectRate: number;
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
  readonly id: string;
  readonly firstSeq: number;
  readonly generated: number;
  readonly acked: number;
  readonly defects: number;
  /** Records whose sending failed: they may be in the topics or not. */
  readonly unknownOutcomes: number;
}

/** A schedule that follows the wall clock and is later than this skips to the present: an outage leaves a gap, no flood. */
const MAX_BEHIND_MS = 5_000;
const MAX_WAIT_MS = 200;
const RETRY_MS = 1_000;
const NO_RUN: RunStatus = { id: '', firstSeq: 0, generated: 0, acked: 0, defects: 0, unknownOutcomes: 0 };

/** Called after each batch is acknowledged. */
export type AckListener = (batch: Batch) => void;

/**
 * Emits the simulation to Kafka: generates the records that are due by the virtual clock, writes their intents to the
 * ledger, sends them, writes their acks.
 *
 * Failure semantics: each record is sent at most once (the idempotent producer repeats requests, never records). When
 * sending fails, the outcome of the records in flight is unknown: their ids are not used again, no later record refers to
 * what they changed, and a new segment begins after them. Killed between any two steps: the next start finds intents
 * without acks and does the same. Never seen twice: a sequence number, an event id (except planted duplicates).
 */
export class Emitter {
  private current: EmitterState = 'stopped';
  private stats = { ...NO_RUN };
  private error: unknown;
  private loop: Promise<void> = Promise.resolve();
  private abort = new AbortController();
  private paceChanged = false;
  private batches = 0;
  private checkpointSeq = 0;
  private pendingCheckpoint: { readonly after: Batch; readonly text: string } | undefined;
  private unknownFrom: number | undefined;
  private readonly achieved = new AchievedRate();

  constructor(
    private readonly ledger: EmissionLedger,
    private readonly sender: Sender,
    private readonly clock: Clock,
    private readonly settings: EmitterSettings,
    /** Events per second; 0 is unthrottled. */
    private rate: number,
    private readonly onAcked: AckListener = () => undefined,
  ) {
    this.unknownFrom = ledger.unknownFrom;
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
    return this.rate;
  }

  get achievedRate(): number {
    return this.achieved.at(this.clock.now());
  }

  /** Starts a run, or continues one that was stopped. Does nothing while one is running or after a failure. */
  start(): void {
    if (this.current !== 'stopped' && this.current !== 'finished') return;
    const isNew = this.stats.id === '' || this.current === 'finished';
    this.current = 'running';
    this.abort = new AbortController();
    this.loop = this.emit(isNew).catch((error: unknown) => {
      this.current = 'failed';
      this.error = error;
    });
  }

  /** Resolves when every sent record is acknowledged or its outcome is unknown. May be called again. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
    if (this.current === 'running' || this.current === 'retrying') this.current = 'stopped';
  }

  /** Applies from the next batch on. */
  setRate(eventsPerSecond: number): void {
    this.rate = eventsPerSecond;
    this.paceChanged = true;
  }

  /** Resolves when the emitter is stopped, finished or failed. */
  async idle(): Promise<void> {
    await this.loop;
  }

  private async emit(isNew: boolean): Promise<void> {
    if (isNew) this.beginRun();
    else this.beginSegment();
    while (!this.abort.signal.aborted && this.remaining > 0) {
      const pipeline = new Pipeline(this.sender, this.ledger, this.settings.maxBatchesInFlight, (batch) => {
        this.handleAcked(batch);
      });
      await this.feed(pipeline);
      await pipeline.settled();
      if (pipeline.unknownFrom !== undefined) await this.handleFailure(pipeline.unknownFrom, pipeline.failureCause);
    }
    if (this.unknownFrom === undefined) this.ledger.store(this.ledger.snapshot());
    if (this.remaining === 0) this.current = 'finished';
  }

  private async feed(pipeline: Pipeline): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted && pipeline.failureCause === undefined && this.remaining > 0) {
      if (this.paceChanged || this.isBehind()) this.beginSegment();
      const due = Math.min(this.due(), this.remaining);
      if (due > 0) await this.submit(pipeline, due);
      if (due < this.settings.maxBatchRecords) await this.clock.wait(this.untilNext(), signal);
    }
  }

  private async submit(pipeline: Pipeline, due: number): Promise<void> {
    const { maxBatchRecords, maxBatchBytes, checkpointEvery } = this.settings;
    const { sequence } = this.ledger;
    const limits = { maxRecords: Math.min(due, maxBatchRecords), maxBytes: maxBatchBytes };
    const batch = nextBatch(sequence, this.batches++, limits, (family) => this.ledger.topicOf(family));
    this.ledger.intents(batch.number, batch.intents);
    this.stats = {
      ...this.stats,
      generated: this.stats.generated + batch.intents.length,
      defects: this.stats.defects + batch.defects,
    };
    if (this.pendingCheckpoint === undefined && sequence.nextSeq - this.checkpointSeq >= checkpointEvery) {
      this.checkpointSeq = sequence.nextSeq;
      this.pendingCheckpoint = { after: batch, text: this.ledger.snapshot() };
    }
    await pipeline.submit(batch);
  }

  private handleAcked(batch: Batch): void {
    this.stats = { ...this.stats, acked: this.stats.acked + batch.intents.length };
    this.achieved.add(batch.intents.length, this.clock.now());
    this.current = 'running';
    this.error = undefined;
    this.onAcked(batch);
    if (this.pendingCheckpoint?.after !== batch) return;
    this.ledger.store(this.pendingCheckpoint.text);
    this.pendingCheckpoint = undefined;
  }

  /** Waits, then begins a segment that leaves out the records from `firstSeq` on. @throws the cause if not retriable */
  private async handleFailure(firstSeq: number, cause: unknown): Promise<void> {
    this.unknownFrom = firstSeq;
    this.pendingCheckpoint = undefined;
    this.stats = { ...this.stats, unknownOutcomes: this.stats.generated - this.stats.acked };
    this.error = cause;
    if (!isRetriable(cause)) throw cause;
    this.current = 'retrying';
    await this.clock.wait(RETRY_MS, this.abort.signal);
    if (!this.abort.signal.aborted) this.beginSegment();
  }

  private get remaining(): number {
    const { maxEvents } = this.settings;
    return maxEvents === 0 ? Infinity : maxEvents - this.stats.generated;
  }

  private due(): number {
    const { sequence } = this.ledger;
    return dueBy(sequence.segment, this.clock.now()) - (sequence.nextSeq - sequence.segment.firstSeq);
  }

  private untilNext(): number {
    const { sequence } = this.ledger;
    const nextMs = timeOf(sequence.segment, sequence.nextSeq) - this.clock.now();
    return Math.min(Math.max(nextMs, this.settings.lingerMs), MAX_WAIT_MS);
  }

  /** Only for a schedule that follows the wall clock. An unthrottled run of N events emits past times on purpose. */
  private isBehind(): boolean {
    const { sequence } = this.ledger;
    const followsWallClock = this.rate > 0 || this.settings.maxEvents === 0;
    return followsWallClock && this.clock.now() - timeOf(sequence.segment, sequence.nextSeq) > MAX_BEHIND_MS;
  }

  private beginRun(): void {
    this.stats = { ...NO_RUN, firstSeq: this.ledger.sequence.nextSeq };
    this.batches = 0;
    this.ledger.beginRun(new Date(this.clock.now()), this.nextSegment());
    this.checkpointSeq = this.ledger.sequence.nextSeq;
    this.stats = { ...this.stats, id: this.ledger.run };
    this.unknownFrom = undefined;
    this.paceChanged = false;
  }

  private beginSegment(): void {
    this.ledger.beginSegment(this.nextSegment());
    this.unknownFrom = undefined;
    this.paceChanged = false;
  }

  private nextSegment(): Segment {
    const { sequence } = this.ledger;
    const pace = { rate: this.rate, events: this.remaining === Infinity ? 0 : this.remaining };
    return {
      firstSeq: sequence.nextSeq,
      ...segmentTimes(pace, this.settings, this.clock.now(), sequence.lastMs),
      defectRate: this.settings.defectRate,
      ...(this.unknownFrom !== undefined && { unknownFrom: this.unknownFrom }),
    };
  }
}

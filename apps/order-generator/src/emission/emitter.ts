import { isRetriable } from '@orderstream/errors';
import { dueBy, type Epoch, epochTimes, type PaceBounds, timeOf } from '../simulation/epochs';
import { type Story } from '../ledger/story';
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
  /** How long events that are due wait for others to share their batch, milliseconds. */
  readonly lingerMs: number;
  /** Records from one checkpoint to the next. */
  readonly checkpointEvery: number;
}

export type EmitterState = 'stopped' | 'running' | 'retrying' | 'finished' | 'failed';

export interface RunStatus {
  readonly id: string;
  readonly firstSeq: number;
  readonly generated: number;
  readonly acked: number;
  readonly defects: number;
  /** Records that were intended and whose sending failed: they may have arrived or not. */
  readonly doubtful: number;
}

/** A story that follows the wall clock and is later than this goes on at the present: an outage leaves a gap, not a flood. */
const MAX_BEHIND_MS = 5_000;
const MAX_WAIT_MS = 200;
const RETRY_MS = 1_000;
const NO_RUN: RunStatus = { id: '', firstSeq: 0, generated: 0, acked: 0, defects: 0, doubtful: 0 };

/** Is told of every batch that was acknowledged. */
export type Observer = (batch: Batch) => void;

/**
 * Tells the story to Kafka: makes what is due by the virtual clock, writes the intents down, sends, writes down the acks.
 *
 * Failure semantics: a record is sent once or not at all (an idempotent producer repeats requests, never records). When
 * sending fails for good, the records under way are left in doubt: their ids are not used again, what they touched is not
 * spoken of again, and the story goes on behind them. Killed between any two steps: the next start finds the intents without
 * acks and does the same. Never seen twice: a sequence number, an event id (but for the repetitions that are meant).
 */
export class Emitter {
  private current: EmitterState = 'stopped';
  private stats = { ...NO_RUN };
  private error: unknown;
  private loop: Promise<void> = Promise.resolve();
  private abort = new AbortController();
  private paceChanged = false;
  private batches = 0;
  private checkpointAt = 0;
  private doubtFrom: number | undefined;
  private readonly achieved = new AchievedRate();

  constructor(
    private readonly ledger: Story,
    private readonly sender: Sender,
    private readonly clock: Clock,
    private readonly settings: EmitterSettings,
    /** Events per second; 0 is as fast as it goes. */
    private rate: number,
    private readonly observe: Observer = () => undefined,
  ) {
    this.doubtFrom = ledger.doubtFrom;
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

  /** Begins a run, or goes on with one that was stopped. Repeating it is no error. */
  start(): void {
    if (this.current !== 'stopped' && this.current !== 'finished') return;
    const isNew = this.stats.id === '' || this.current === 'finished';
    this.current = 'running';
    this.abort = new AbortController();
    this.loop = this.tell(isNew).catch((error: unknown) => {
      this.current = 'failed';
      this.error = error;
    });
  }

  /** Resolves when what was sent is acknowledged, or in doubt. Repeating it is no error. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
    if (this.current === 'running' || this.current === 'retrying') this.current = 'stopped';
  }

  /** From the next batch on. */
  setRate(eventsPerSecond: number): void {
    this.rate = eventsPerSecond;
    this.paceChanged = true;
  }

  /** Resolves when the story pauses: stopped, finished or failed. */
  async idle(): Promise<void> {
    await this.loop;
  }

  private async tell(isNew: boolean): Promise<void> {
    if (isNew) this.beginRun();
    else this.beginEpoch();
    while (!this.abort.signal.aborted && this.remaining > 0) {
      const pipeline = new Pipeline(this.sender, this.ledger, this.settings.maxBatchesInFlight, (batch) => {
        this.acked(batch);
      });
      await this.feed(pipeline);
      await pipeline.settled();
      if (pipeline.firstDoubt !== undefined) await this.doubt(pipeline.firstDoubt, pipeline.failed);
    }
    if (this.doubtFrom === undefined) this.ledger.store(this.ledger.snapshot());
    if (this.remaining === 0) this.current = 'finished';
  }

  private async feed(pipeline: Pipeline): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted && pipeline.failed === undefined && this.remaining > 0) {
      if (this.paceChanged || this.isBehind()) this.beginEpoch();
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
    if (this.pendingCheckpoint === undefined && sequence.nextSeq - this.checkpointAt >= checkpointEvery) {
      this.checkpointAt = sequence.nextSeq;
      this.pendingCheckpoint = { after: batch, text: this.ledger.snapshot() };
    }
    await pipeline.submit(batch);
  }

  private pendingCheckpoint: { readonly after: Batch; readonly text: string } | undefined;

  private acked(batch: Batch): void {
    this.stats = { ...this.stats, acked: this.stats.acked + batch.intents.length };
    this.achieved.add(batch.intents.length, this.clock.now());
    this.current = 'running';
    this.error = undefined;
    this.observe(batch);
    if (this.pendingCheckpoint?.after !== batch) return;
    this.ledger.store(this.pendingCheckpoint.text);
    this.pendingCheckpoint = undefined;
  }

  /** Leaves everything from there on behind and waits before it goes on. */
  private async doubt(firstSeq: number, cause: unknown): Promise<void> {
    this.doubtFrom = firstSeq;
    this.pendingCheckpoint = undefined;
    this.stats = { ...this.stats, doubtful: this.stats.generated - this.stats.acked };
    this.error = cause;
    if (!isRetriable(cause)) throw cause;
    this.current = 'retrying';
    await this.clock.wait(RETRY_MS, this.abort.signal);
    if (!this.abort.signal.aborted) this.beginEpoch();
  }

  private get remaining(): number {
    const { maxEvents } = this.settings;
    return maxEvents === 0 ? Infinity : maxEvents - this.stats.generated;
  }

  private due(): number {
    const { sequence } = this.ledger;
    return dueBy(sequence.epoch, this.clock.now()) - (sequence.nextSeq - sequence.epoch.firstSeq);
  }

  private untilNext(): number {
    const { sequence } = this.ledger;
    const nextMs = timeOf(sequence.epoch, sequence.nextSeq) - this.clock.now();
    return Math.min(Math.max(nextMs, this.settings.lingerMs), MAX_WAIT_MS);
  }

  /** Only where the story is meant to follow the wall clock: an unthrottled run of N events tells the past. */
  private isBehind(): boolean {
    const { sequence } = this.ledger;
    const follows = this.rate > 0 || this.settings.maxEvents === 0;
    return follows && this.clock.now() - timeOf(sequence.epoch, sequence.nextSeq) > MAX_BEHIND_MS;
  }

  private beginRun(): void {
    this.stats = { ...NO_RUN, firstSeq: this.ledger.sequence.nextSeq };
    this.batches = 0;
    this.ledger.beginRun(new Date(this.clock.now()), this.nextEpoch());
    this.checkpointAt = this.ledger.sequence.nextSeq;
    this.stats = { ...this.stats, id: this.ledger.run };
    this.doubtFrom = undefined;
    this.paceChanged = false;
  }

  private beginEpoch(): void {
    this.ledger.beginEpoch(this.nextEpoch());
    this.doubtFrom = undefined;
    this.paceChanged = false;
  }

  private nextEpoch(): Epoch {
    const { sequence } = this.ledger;
    const pace = { rate: this.rate, events: this.remaining === Infinity ? 0 : this.remaining };
    return {
      firstSeq: sequence.nextSeq,
      ...epochTimes(pace, this.settings, this.clock.now(), sequence.lastMs),
      defectRate: this.settings.defectRate,
      ...(this.doubtFrom !== undefined && { doubtFrom: this.doubtFrom }),
    };
  }
}

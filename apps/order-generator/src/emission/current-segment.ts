import { type RecordCheckpoint, RecordCursor, type Scenario, SIMULATION_VERSION } from '@orderstream/simulation';
import { type EmissionJournal } from '../journal/journal';
import { type Clock } from './clock';
import { RecordSource } from './record-source';
import { liveRate, type Pace, type PaceBounds, pastPace, rateWithin } from './schedule';

/** What is emitted. A change applies from the next batch on. */
export interface Target {
  readonly scenario: Scenario;
  /** Events per second; 0 is unthrottled. */
  readonly rate: number;
  /** In place of that of the scenario. */
  readonly defectRate: number | undefined;
}

export interface SegmentSettings extends PaceBounds {
  readonly seed: string;
  /** Events of a run, without the announcement of the catalog; 0 is endless. */
  readonly maxEvents: number;
  /** A first segment does not begin before this time: an earlier one may have events of it. */
  readonly notBeforeMs: number;
}

export interface SegmentOptions {
  readonly journal: EmissionJournal;
  readonly clock: Clock;
  readonly settings: SegmentSettings;
  readonly target: Target;
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
/** Bounds the journal's list of rates of one segment. */
const MAX_RATES = 1_000;

/**
 * The segment that is emitted: continues the journal's last one or begins one, and changes its rate, or begins the next one,
 * when that is due. Everything that was sent must be acknowledged before a change.
 */
export class CurrentSegment {
  target: Target;
  private opened: RecordSource | undefined;
  /** Records with a smaller number may have been sent before. */
  resendUntil = 0;
  /** The segment of an earlier process stood still for too long. */
  private isStale = false;
  private isFirst = true;
  /** A run in the past must get a rate at which it ends before the present. */
  private needsRate = false;
  /** The last scenarios that were compared, and found equal. */
  private equal: { readonly segment: Scenario; readonly target: Scenario } | undefined;

  constructor(
    private readonly options: SegmentOptions,
    /** Events that the run still has to emit; Infinity without an end. */
    private readonly remaining: () => number,
  ) {
    this.target = options.target;
  }

  /** The records of the segment; undefined before it is opened. */
  get source(): RecordSource | undefined {
    return this.opened;
  }

  /** Whether the virtual clock follows the wall clock. An unthrottled run of N events emits past times. */
  get isLive(): boolean {
    return this.target.rate > 0 || this.options.settings.maxEvents === 0;
  }

  /** Whether the journal's last segment continues, and has records that may be missing in the topics. */
  get mayBeMissing(): boolean {
    const { last } = this.options.journal;
    return last !== undefined && last.acknowledged < last.reserved && this.whyNotContinued() === undefined;
  }

  /** The records from the first one that is not acknowledged. */
  open(): RecordSource {
    this.opened ??= this.openLast();
    return this.opened;
  }

  /** The next `open` begins at the first record that is not acknowledged. */
  close(): void {
    this.opened = undefined;
  }

  setTarget(change: Partial<Target>): void {
    this.target = { ...this.target, ...change };
    if (change.rate !== undefined) this.needsRate = true;
  }

  /** To be called at the start of a run. */
  beginRun(): RecordSource {
    const source = this.open();
    if (source.isFinished && source.number >= this.resendUntil) {
      this.end(source);
      return this.begin('the scenario of the last one had ended');
    }
    this.needsRate = source.number > 0;
    return source;
  }

  /** What must happen before the next record is taken; undefined if nothing. */
  changeOf(source: RecordSource): (() => void) | undefined {
    if (source.number < this.resendUntil) return undefined;
    const { segment } = source;
    const behindMs = this.options.clock.now() - source.reachedMs;
    if (this.isStale || (this.isLive && behindMs > MAX_STANDSTILL_MS)) {
      return () => {
        this.end(source);
        this.begin('the last one stood still for more than 5 minutes');
      };
    }
    const { scenario, defectRate } = this.target;
    if (segment.defectRate !== defectRate || !this.isTarget(segment.scenario)) {
      return () => {
        const defects = defectRate === undefined ? '' : ` and defect rate ${defectRate}`;
        this.follow(source, `it has scenario ${scenario.name}${defects}`);
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
    return Math.max(present, rateWithin(this.remaining(), settings, clock.now() - reachedMs));
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
    this.end(source);
    const rate = source.segment.rates.at(-1)?.eventsPerSecond ?? liveRate(this.target.rate);
    const pace = this.isLive
      ? { startMs: Math.max(startMs, this.options.clock.now()), eventsPerSecond: liveRate(this.target.rate) }
      : { startMs, eventsPerSecond: rate };
    this.begin(reason, { pace, checkpoint });
  }

  private end(source: RecordSource): void {
    const { journal, clock } = this.options;
    journal.reserve(source.number, clock.now());
    journal.end();
    this.isStale = false;
  }

  /** Number of records that may have been sent before, from the next one on; Infinity if it was not. */
  untilResent({ number }: RecordSource): number {
    return number < this.resendUntil ? this.resendUntil - number : Infinity;
  }

  /** Continues the last segment of the journal, or begins one. */
  private openLast(): RecordSource {
    const { journal, clock } = this.options;
    const reason = this.whyNotContinued();
    const standstillMs = clock.now() - (journal.atMs ?? -Infinity);
    const { isFirst } = this;
    this.isFirst = false;
    if (reason !== undefined) {
      if (journal.last?.isEnded === false) journal.end();
      return this.begin(reason);
    }
    const source = RecordSource.resume(journal);
    const { acknowledged, reserved } = source.segment;
    this.isStale = isFirst && standstillMs > MAX_STANDSTILL_MS;
    this.resendUntil = reserved;
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
    if (this.isFirst && clock.now() - (atMs ?? -Infinity) > RESEND_WITHIN_MS) {
      return 'the last one stood still for more than 12 hours';
    }
    return undefined;
  }

  private begin(
    reason: string,
    followed?: { readonly pace: Pace; readonly checkpoint: RecordCheckpoint },
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
    this.resendUntil = 0;
    this.needsRate = false;
    onSegment?.(segment.id, reason);
    this.opened = RecordSource.begin(begun, cursor);
    return this.opened;
  }

  private firstPace(): Pace {
    const { journal, clock, settings } = this.options;
    const now = clock.now();
    const notBeforeMs = journal.atMs ?? settings.notBeforeMs;
    if (!this.isLive) return pastPace(this.remaining(), settings, now, notBeforeMs);
    return { startMs: Math.max(now, notBeforeMs), eventsPerSecond: liveRate(this.target.rate) };
  }

  private isTarget(scenario: Scenario): boolean {
    const { target } = this;
    if (this.equal?.segment === scenario && this.equal.target === target.scenario) return true;
    if (JSON.stringify(scenario) !== JSON.stringify(target.scenario)) return false;
    this.equal = { segment: scenario, target: target.scenario };
    return true;
  }
}

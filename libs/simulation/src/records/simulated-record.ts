import { type ExpectedOutcome, type Family, partitionFor, SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { EventCursor } from '../cursor/event-cursor';
import { type Checkpoint, type Segment } from '../cursor/segment';
import { encodeBody, type NumberedEvent } from '../simulated-event';

/** A record, ready to be sent. */
export interface SimulatedRecord {
  /** Number of the event in its segment. */
  readonly n: number;
  /** 0; from 1 on for further records of the same event. */
  readonly copy: number;
  readonly family: Family;
  /** murmur2 of the key, unless the defect is a wrong partition. */
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** With `simulation-id`. */
  readonly headers: Readonly<Record<string, string | Buffer>>;
  /** When it is sent, microseconds since 1970. */
  readonly emittedMicros: number;
  readonly intent: Intent;
}

/** What a record is meant to show. */
export interface Intent {
  readonly defect: string | null;
  /** The verdict on its first occurrence, for an append time near `emittedMicros`. */
  readonly expected: ExpectedOutcome;
}

/** From where a cursor continues. JSON. */
export interface RecordCheckpoint {
  /** Number of the next record. */
  readonly position: number;
  readonly events: Checkpoint;
}

const WITHOUT_DEFECT: Intent = { defect: null, expected: 'accept' };

/**
 * The records of a segment, in the order in which they are emitted, numbered from 0 (their copies included). The same
 * segment has the same records, byte for byte.
 */
export class RecordCursor {
  private constructor(
    readonly segment: Segment,
    private readonly events: EventCursor,
    private number: number,
  ) {}

  /** From the beginning of a segment, without open orders. */
  static begin(segment: Segment): RecordCursor {
    return new RecordCursor(segment, EventCursor.begin(segment), 0);
  }

  /** From a checkpoint of the same segment. @throws SegmentMismatchError if the checkpoint is of another one */
  static resume(segment: Segment, { events, position }: RecordCheckpoint): RecordCursor {
    return new RecordCursor(segment, EventCursor.resume(segment, events), position);
  }

  /** From the beginning of a segment that goes on with the open orders of the checkpoint. @throws SegmentMismatchError */
  static follow(segment: Segment, { events }: RecordCheckpoint): RecordCursor {
    return new RecordCursor(segment, EventCursor.follow(segment, events), 0);
  }

  /** The number of the next record. */
  get position(): number {
    return this.number;
  }

  /** Number of events that announce the catalog. They have the numbers `n` below it. */
  get announcements(): number {
    return this.events.announcements;
  }

  /** Whether the scenario's number of orders is reached. */
  get isFinished(): boolean {
    return this.events.isFinished;
  }

  /** A rate may be appended to the segment from this time on. */
  get nextCellMs(): number {
    return this.events.nextCellMs;
  }

  /** The next record, unless it is emitted after this time or the segment is finished. */
  next(untilMicros = Infinity): SimulatedRecord | undefined {
    const event = this.events.next(untilMicros);
    if (event === undefined) return undefined;
    this.number++;
    return this.recordOf(event);
  }

  checkpoint(): RecordCheckpoint {
    return { position: this.number, events: this.events.checkpoint() };
  }

  private recordOf(event: NumberedEvent): SimulatedRecord {
    const { n, family, emittedMicros } = event;
    const key = Buffer.from(event.key);
    return {
      n,
      copy: 0,
      family,
      partition: partitionFor(key),
      key,
      value: encodeBody(event),
      headers: { ...event.headers, [SIMULATION_ID_HEADER]: `${this.segment.id}:${n}.0` },
      emittedMicros,
      intent: WITHOUT_DEFECT,
    };
  }
}

/**
 * The verdict that a record must get.
 * @param at.appendMs its append time in the raw log
 * @param at.occurrence how often it stands before it in the raw log: it is sent again after a kill
 */
export function expectedVerdict(
  { expected }: Intent,
  at: { readonly appendMs: number; readonly occurrence: number },
): ExpectedOutcome {
  // What was accepted is skipped when it comes again. What was rejected is rejected again.
  return at.occurrence > 0 && (expected === 'accept' || expected === 'repair') ? 'skip' : expected;
}

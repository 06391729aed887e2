import { EventCursor } from '../cursor/event-cursor';
import { type Checkpoint, type Segment } from '../cursor/segment';
import { type NumberedEvent } from '../simulated-event';
import { Defects } from './defects/defects';
import { goodRecord } from './good-record';
import { type SimulatedRecord } from './simulated-record';

/** Events of a batch that may be sent again as a whole: those whose number divided by it is the same. */
const BATCH_EVENTS = 10;

/** From where a cursor of records continues. JSON. */
export interface RecordCheckpoint {
  /** Number of the next record. */
  readonly position: number;
  readonly events: Checkpoint;
  /** The events of the batch so far. */
  readonly batch: readonly NumberedEvent[];
  /** How many of the records that follow the last event are still to come. */
  readonly pending: number;
}

/**
 * The records of a segment, in the order in which they are emitted: each event as it is, and behind some of them
 * additional records that are defects or near misses. None follow the announcement of the catalog. They are numbered from 0,
 * additional ones included. The same segment has the same records, byte for byte.
 */
export class RecordCursor {
  private readonly defects: Defects;
  /** What follows the last event, the next one last. */
  private pending: SimulatedRecord[] = [];
  private batch: NumberedEvent[] = [];

  private constructor(
    private readonly events: EventCursor,
    readonly segment: Segment,
    private number = 0,
  ) {
    this.defects = new Defects(segment, events.marketplace);
  }

  /** From the beginning of a segment, without open orders. */
  static begin(segment: Segment): RecordCursor {
    return new RecordCursor(EventCursor.begin(segment), segment);
  }

  /**
   * From a checkpoint of the same segment, whose rates may have grown since.
   * @throws SegmentMismatchError if the checkpoint is of another one
   */
  static resume(segment: Segment, checkpoint: RecordCheckpoint): RecordCursor {
    const cursor = new RecordCursor(EventCursor.resume(segment, checkpoint.events), segment, checkpoint.position);
    cursor.batch = [...checkpoint.batch];
    const last = cursor.batch.at(-1);
    if (last !== undefined && checkpoint.pending > 0) {
      cursor.pending = cursor.defects.after(last, cursor.batch).slice(-checkpoint.pending).reverse();
    }
    return cursor;
  }

  /**
   * From the beginning of a segment that follows another one: see `EventCursor.follow`. Additional records of the other
   * segment that are still to come are not emitted.
   * @throws SegmentMismatchError if the checkpoint has another seed or simulation version
   */
  static follow(segment: Segment, { events }: Pick<RecordCheckpoint, 'events'>): RecordCursor {
    return new RecordCursor(EventCursor.follow(segment, events), segment);
  }

  /** The number of the next record. */
  get position(): number {
    return this.number;
  }

  /** A rate may be appended to the segment from this time on. */
  get nextCellMs(): number {
    return this.events.nextCellMs;
  }

  /** Number of events with which the segment announces the catalog, delisted products included. */
  get announcements(): number {
    return this.events.announcements;
  }

  /** Whether the scenario's number of orders is reached, and everything is emitted. */
  get isFinished(): boolean {
    return this.pending.length === 0 && this.events.isFinished;
  }

  /** The next record, unless it is emitted after this time or the segment is finished. */
  next(untilMicros = Infinity): SimulatedRecord | undefined {
    const additional = this.pending.pop();
    if (additional !== undefined) {
      this.number++;
      return additional;
    }
    const event = this.events.next(untilMicros);
    if (event === undefined) return undefined;
    this.number++;
    if (this.defects.exist && event.n >= this.announcements) this.follow(event);
    return goodRecord(event, `${this.segment.id}:${event.n}.0`);
  }

  checkpoint(): RecordCheckpoint {
    return { position: this.number, events: this.events.checkpoint(), batch: this.batch, pending: this.pending.length };
  }

  private follow(event: NumberedEvent): void {
    if (event.n % BATCH_EVENTS === 0) this.batch = [];
    this.batch.push(event);
    const records = this.defects.after(event, this.batch);
    if (records.length > 0) this.pending = records.toReversed();
  }
}

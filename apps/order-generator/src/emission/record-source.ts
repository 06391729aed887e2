import {
  type JournaledSegment,
  type RecordCheckpoint,
  RecordCursor,
  type SimulatedRecord,
} from '@orderstream/simulation';
import { type EmissionJournal, type StoredCheckpoint } from '../journal/journal';

const MICROS_PER_MS = 1_000;

/** The records of the current segment, from the first one that is not acknowledged. */
export class RecordSource {
  private taken: number;
  /** The virtual clock, milliseconds since 1970: there is no further record before it. */
  reachedMs: number;

  private constructor(
    readonly segment: JournaledSegment,
    private readonly cursor: RecordCursor,
    from: number,
  ) {
    this.taken = from;
    this.reachedMs = segment.startMs;
  }

  static begin(segment: JournaledSegment, cursor: RecordCursor): RecordSource {
    return new RecordSource(segment, cursor, 0);
  }

  /** From the first record that is not acknowledged. Computes again what follows the last checkpoint. */
  static resume(journal: EmissionJournal): RecordSource {
    const segment = journal.current;
    const stored = journal.checkpoint();
    const source = new RecordSource(segment, cursorOf(journal, segment, stored), stored?.record ?? 0);
    while (source.number < segment.acknowledged) {
      if (source.take(Infinity) === undefined) throw new Error(`${segment.id} ends before ${segment.acknowledged}`);
    }
    return source;
  }

  /** Number of the next record in the segment. */
  get number(): number {
    return this.taken;
  }

  get isFinished(): boolean {
    return this.cursor.isFinished;
  }

  /** From when on a rate may be added to the segment. */
  get nextCellMs(): number {
    return this.cursor.nextCellMs;
  }

  /** The next record, unless it is emitted after this time or the segment is finished. */
  take(untilMs: number): SimulatedRecord | undefined {
    const record = this.cursor.next(untilMs * MICROS_PER_MS);
    if (record === undefined) {
      this.reachedMs = Math.max(this.reachedMs, untilMs);
      return undefined;
    }
    this.taken++;
    this.reachedMs = Math.max(this.reachedMs, record.emittedMicros / MICROS_PER_MS);
    return record;
  }

  /** From where a cursor continues behind the last record taken. */
  checkpoint(): RecordCheckpoint {
    return this.cursor.checkpoint();
  }
}

function cursorOf(
  journal: EmissionJournal,
  segment: JournaledSegment,
  stored: StoredCheckpoint | undefined,
): RecordCursor {
  if (stored !== undefined) return RecordCursor.resume(segment, stored.checkpoint);
  const followed = journal.followed();
  return followed === undefined ? RecordCursor.begin(segment) : RecordCursor.follow(segment, followed);
}

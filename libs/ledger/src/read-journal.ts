import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  followsFile,
  JOURNAL_FILE,
  type JournaledSegment,
  parseJournal,
  POSITION_FILE,
  type RecordCheckpoint,
  RecordCursor,
} from '@orderstream/simulation';
import { ExpectedRecords } from './expected-records';

/** A place in a journal: number of the first record that no earlier run can have sent. */
export type JournalMark = number;

/** Behind everything that the generator has sent so far. */
export function markJournal(folder: string): JournalMark {
  const last = readSegments(folder).at(-1);
  return last === undefined ? 0 : last.firstSeq + last.reserved;
}

/**
 * Number of events since the mark that were sent or are sent again, without the announcements of the catalog.
 * @throws JournalFormatError
 */
export function eventsSince(folder: string, mark: JournalMark): number {
  return readSegments(folder).reduce((sum, { firstSeq, reserved, announcements }) => {
    const from = Math.max(mark - firstSeq, announcements, 0);
    return sum + Math.max(0, reserved - from);
  }, 0);
}

/**
 * Computes the records since the mark that the generator has sent, or may have sent.
 * @throws JournalFormatError, SegmentMismatchError
 */
export function computeRecordsSince(folder: string, mark: JournalMark): ExpectedRecords {
  const expected = new ExpectedRecords();
  for (const segment of readSegments(folder)) {
    if (segment.firstSeq + segment.reserved <= mark) continue;
    const cursor = cursorOf(folder, segment);
    const from = Math.max(0, mark - segment.firstSeq);
    for (let number = 0; number < segment.reserved; number++) {
      const record = cursor.next();
      // What was reserved behind the last record of a scenario that ends was not sent.
      if (record === undefined) break;
      if (number >= from) expected.add(segment, number, record);
    }
  }
  return expected;
}

/** The records of a segment, from its beginning. @throws SegmentMismatchError */
export function cursorOf(folder: string, segment: JournaledSegment): RecordCursor {
  if (!segment.follows) return RecordCursor.begin(segment);
  const text = readFileSync(join(folder, followsFile(segment.id)), 'utf8');
  return RecordCursor.follow(segment, JSON.parse(text) as RecordCheckpoint);
}

/** The segments of a journal; none if there is no journal. @throws JournalFormatError */
export function readSegments(folder: string): JournaledSegment[] {
  // The position first: a segment that begins in between has none yet.
  const position = readIfThere(join(folder, POSITION_FILE));
  const text = readIfThere(join(folder, JOURNAL_FILE)) ?? '';
  return parseJournal(text, position);
}

const readIfThere = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { type Segment } from '../simulation/schedule';
import { AppendFile, completeLines, truncateIncompleteLine } from './durable-file';
import { LedgerUnreadableError } from './errors';

const NAME = 'schedule.jsonl';

/** A segment with the marketplace it belongs to. With another identity a new marketplace starts. */
export interface RecordedSegment extends Segment {
  readonly identity: MarketplaceIdentity;
}

/** All segments that ever began in this directory, in order. @throws LedgerUnreadableError */
export function readSchedule(directory: string): RecordedSegment[] {
  const path = join(directory, NAME);
  if (!existsSync(path)) return [];
  const text = truncateIncompleteLine(path, readFileSync(path)).toString('utf8');
  try {
    return completeLines(text).map((line) => JSON.parse(line) as RecordedSegment);
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

/** Everything beside the code that content depends on. A segment is synced to the disk before its first record is generated. */
export class ScheduleLog {
  private readonly file: AppendFile;

  constructor(
    directory: string,
    /** Number of segments. */
    public count: number,
  ) {
    this.file = new AppendFile(join(directory, NAME));
  }

  add(segment: RecordedSegment): void {
    this.file.append(JSON.stringify(segment));
    this.file.sync();
    this.count++;
  }

  close(): void {
    this.file.close();
  }
}

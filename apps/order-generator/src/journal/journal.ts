import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import {
  addLine,
  followsFile,
  formatJournalLine,
  JOURNAL_FILE,
  type JournaledSegment,
  JournalFormatError,
  type JournalLine,
  type JournalPosition,
  parseJournal,
  parsePosition,
  POSITION_FILE,
  type Rate,
  type RecordCheckpoint,
} from '@orderstream/simulation';
import { AppendFile, readCompleteLines, replaceFile } from './durable-file';
import { JournalInUseError, JournalUnreadableError } from './errors';

const LOCK_FILE = 'lock';
const CHECKPOINT_FILE = 'checkpoint.json';

/** A segment that is about to begin, with the number of events that announce its catalog. */
export type NewSegment = Omit<Extract<JournalLine, { kind: 'segment' }>, 'kind' | 'follows'>;

/** From where the records of a segment continue. */
export interface StoredCheckpoint {
  readonly segment: string;
  /** Number of the next record. */
  readonly record: number;
  readonly checkpoint: RecordCheckpoint;
}

/**
 * The segments that the generator has emitted, and how far. The comparison computes the expected records from it.
 *
 * Files: `journal.ndjson` (segments, their changes of rate, and how far they were sent; append-only), `position.json` (how
 * far the last segment is sent), `checkpoint.json`, `<segment>.follows.json` (checkpoint that a segment follows), `lock`.
 *
 * Failure semantics: a line is synced to the disk before the first record that depends on it is sent. `position.json` is
 * replaced as a whole and synced: before records are sent that are not reserved yet, once a second, and at a stop. Killed
 * at any point: no record with a number from `reserved` on was sent, every record below `acknowledged` is acknowledged, and
 * those in between are sent again, with the same bytes. When the machine crashes, the same holds. `acknowledged` may be
 * up to a second old, so acknowledged records may be sent again too.
 */
export class Journal {
  private writtenAtMs: number | undefined;

  private constructor(
    private readonly directory: string,
    private readonly unlock: () => void,
    private readonly file: AppendFile,
    private readonly segments: JournaledSegment[],
    /** When the position was stored last, milliseconds since 1970; undefined if never. */
    atMs: number | undefined,
  ) {
    this.writtenAtMs = atMs;
  }

  /** @throws JournalInUseError, JournalUnreadableError */
  static open(directory: string): Journal {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(directory);
    const path = join(directory, JOURNAL_FILE);
    try {
      const position = readIfThere(join(directory, POSITION_FILE));
      const text = existsSync(path) ? readCompleteLines(path) : '';
      const segments = parseJournal(text, position);
      const atMs = position === undefined ? undefined : parsePosition(position).atMs;
      return new Journal(directory, unlock, new AppendFile(path), segments, atMs);
    } catch (error) {
      unlock();
      throw error instanceof JournalFormatError ? new JournalUnreadableError(path, error) : error;
    }
  }

  /** The segment that began last. */
  get last(): JournaledSegment | undefined {
    return this.segments.at(-1);
  }

  /** When the position was stored last, milliseconds since 1970; undefined if never. */
  get atMs(): number | undefined {
    return this.writtenAtMs;
  }

  /** The segment that records are sent of. */
  get current(): JournaledSegment {
    const { last } = this;
    if (last === undefined || last.isEnded) throw new Error('no segment has begun');
    return last;
  }

  /** An id that no segment of this or another directory has. */
  nextId(): string {
    const directory = this.last?.id.replace(/-\d+$/, '') ?? `s${randomBytes(3).toString('hex')}`;
    return `${directory}-${(this.segments.length + 1).toString()}`;
  }

  /** @param follows the checkpoint whose open orders go on */
  begin(segment: NewSegment, follows?: RecordCheckpoint): JournaledSegment {
    if (this.last?.isEnded === false) throw new Error(`${this.last.id} has not ended`);
    if (follows !== undefined) replaceFile(join(this.directory, followsFile(segment.id)), JSON.stringify(follows));
    this.append({ kind: 'segment', ...segment, follows: follows !== undefined });
    return this.current;
  }

  addRates(rates: Rate[]): void {
    this.append({ kind: 'rates', segment: this.current.id, rates });
  }

  /** Must be called before records are sent that may have been sent before. */
  addResumed(from: number, until: number): void {
    this.append({ kind: 'resumed', segment: this.current.id, from, until });
  }

  end(): void {
    const { id, acknowledged, reserved } = this.current;
    this.append({ kind: 'end', segment: id, acknowledged, reserved });
  }

  /** Every record of the current segment below this number is acknowledged. Stored by the next `store`. */
  acknowledge(number: number): void {
    this.current.acknowledged = number;
  }

  /** Must be called before a record from the present `reserved` on is sent. May lower it to the number of the next one. */
  reserve(number: number, nowMs: number): void {
    this.current.reserved = number;
    this.store(nowMs);
  }

  store(nowMs: number): void {
    const { id: segment, acknowledged, reserved } = this.current;
    const position: JournalPosition = { segment, acknowledged, reserved, atMs: nowMs };
    replaceFile(join(this.directory, POSITION_FILE), JSON.stringify(position));
    this.writtenAtMs = nowMs;
  }

  /** Every record below it must be acknowledged. */
  storeCheckpoint(checkpoint: StoredCheckpoint): void {
    replaceFile(join(this.directory, CHECKPOINT_FILE), JSON.stringify(checkpoint));
  }

  /** The last checkpoint of the current segment; undefined if there is none. @throws JournalUnreadableError */
  checkpoint(): StoredCheckpoint | undefined {
    const stored = this.read(CHECKPOINT_FILE) as StoredCheckpoint | undefined;
    return stored?.segment === this.current.id ? stored : undefined;
  }

  /** The checkpoint that the current segment follows. @throws JournalUnreadableError */
  followed(): RecordCheckpoint | undefined {
    return this.current.follows ? (this.read(followsFile(this.current.id)) as RecordCheckpoint) : undefined;
  }

  close(): void {
    this.file.close();
    this.unlock();
  }

  private append(line: JournalLine): void {
    this.file.append(formatJournalLine(line));
    this.file.sync();
    addLine(this.segments, line);
  }

  /** `replaceFile` writes a file as a whole, so it has its shape. */
  private read(name: string): unknown {
    const path = join(this.directory, name);
    const text = readIfThere(path);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new JournalUnreadableError(path, error);
    }
  }
}

const readIfThere = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

function lockDirectory(directory: string): () => void {
  try {
    return acquireLock(join(directory, LOCK_FILE));
  } catch (error) {
    if (error instanceof LockHeldError) throw new JournalInUseError(directory, error.pid);
    throw error;
  }
}

/** The journal without its files, as the emitter uses it. */
export type EmissionJournal = Omit<Journal, 'close'>;

import {
  addLine,
  formatJournalLine,
  type JournaledSegment,
  type JournalLine,
  parseJournal,
  parsePosition,
  type Rate,
  type RecordCheckpoint,
} from '@orderstream/simulation';
import { type EmissionJournal, type NewSegment, type StoredCheckpoint } from '../src/journal/journal';

/** What the directory of a journal holds. */
export class Disk {
  text = '';
  position: string | undefined;
  checkpoint: string | undefined;
  readonly follows = new Map<string, string>();

  /** As it is when the process is killed. */
  copy(): Disk {
    const { text, position, checkpoint } = this;
    const copy = Object.assign(new Disk(), { text, position, checkpoint });
    for (const [id, followed] of this.follows) copy.follows.set(id, followed);
    return copy;
  }

  get segments(): JournaledSegment[] {
    return parseJournal(this.text, this.position);
  }
}

/** A journal whose files are in memory. */
export class MemoryJournal implements EmissionJournal {
  private readonly segments: JournaledSegment[];

  constructor(readonly disk = new Disk()) {
    this.segments = disk.segments;
  }

  get last(): JournaledSegment | undefined {
    return this.segments.at(-1);
  }

  get atMs(): number | undefined {
    return this.disk.position === undefined ? undefined : parsePosition(this.disk.position).atMs;
  }

  get current(): JournaledSegment {
    const { last } = this;
    if (last === undefined || last.isEnded) throw new Error('no segment has begun');
    return last;
  }

  nextId(): string {
    return `s-${(this.segments.length + 1).toString()}`;
  }

  begin(segment: NewSegment, follows?: RecordCheckpoint): JournaledSegment {
    if (follows !== undefined) this.disk.follows.set(segment.id, JSON.stringify(follows));
    this.append({ kind: 'segment', ...segment, follows: follows !== undefined });
    return this.current;
  }

  addRates(rates: Rate[]): void {
    this.append({ kind: 'rates', segment: this.current.id, rates });
  }

  addResumed(from: number, until: number): void {
    this.append({ kind: 'resumed', segment: this.current.id, from, until });
  }

  end(): void {
    const { id, acknowledged, reserved } = this.current;
    this.append({ kind: 'end', segment: id, acknowledged, reserved });
  }

  acknowledge(number: number): void {
    this.current.acknowledged = number;
  }

  reserve(number: number, nowMs: number): void {
    this.current.reserved = number;
    this.store(nowMs);
  }

  store(nowMs: number): void {
    const { id: segment, acknowledged, reserved } = this.current;
    this.disk.position = JSON.stringify({ segment, acknowledged, reserved, atMs: nowMs });
  }

  storeCheckpoint(checkpoint: StoredCheckpoint): void {
    this.disk.checkpoint = JSON.stringify(checkpoint);
  }

  checkpoint(): StoredCheckpoint | undefined {
    const { checkpoint } = this.disk;
    const stored = checkpoint === undefined ? undefined : (JSON.parse(checkpoint) as StoredCheckpoint);
    return stored?.segment === this.current.id ? stored : undefined;
  }

  followed(): RecordCheckpoint | undefined {
    const text = this.disk.follows.get(this.current.id);
    return text === undefined ? undefined : (JSON.parse(text) as RecordCheckpoint);
  }

  private append(line: JournalLine): void {
    this.disk.text += `${formatJournalLine(line)}\n`;
    addLine(this.segments, line);
  }
}

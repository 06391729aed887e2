import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatLedgerLine, type LedgerLine, parseLedgerLine } from '@orderstream/contracts';
import { AppendFile, cutTornLine, wholeLines } from './durable-file';
import { LedgerUnreadableError } from './errors';

type RunLine = Extract<LedgerLine, { kind: 'run' }>;

const SEGMENT_BYTES = 64 * 1_048_576;
const SEGMENT_NAME = /^(?<run>.+-(?<number>\d{5}))\.(?<segment>\d{5})\.ndjson$/;

/** One file of the ledger; names sort in the order of writing. Each begins with the line of its run. */
export interface Segment {
  readonly name: string;
  readonly runNumber: number;
}

export function listSegments(directory: string): Segment[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const groups = SEGMENT_NAME.exec(name)?.groups;
      return groups === undefined ? [] : [{ name, runNumber: Number(groups.number) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The lines of a segment, less a last one that a crash cut off; that is cut off the file as well. @throws LedgerUnreadableError */
export function readSegment(directory: string, name: string): LedgerLine[] {
  const path = join(directory, name);
  const lines = wholeLines(cutTornLine(path, readFileSync(path)).toString('utf8'));
  try {
    return lines.map(parseLedgerLine);
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

const numbered = (number: number): string => number.toString().padStart(5, '0');

/** The run after the last one of the directory. */
export function nextRunId(directory: string, directoryId: string): string {
  const last = listSegments(directory).at(-1)?.runNumber ?? 0;
  return `${directoryId}-${numbered(last + 1)}`;
}

/** Writes the lines of one run, in segments. When all of them together grow too large, the oldest go. */
export class SegmentWriter {
  private file: AppendFile;
  private segment = 1;

  constructor(
    private readonly directory: string,
    private readonly runLine: RunLine,
    private readonly maxBytes: number,
  ) {
    this.file = this.open();
  }

  write(line: LedgerLine): void {
    if (this.file.bytes > SEGMENT_BYTES) {
      this.file.close();
      this.segment++;
      this.file = this.open();
      this.makeRoom();
    }
    this.file.append(formatLedgerLine(line));
  }

  /** Name of the segment that is written to. */
  get current(): string {
    return `${this.runLine.run}.${numbered(this.segment)}.ndjson`;
  }

  sync(): void {
    this.file.sync();
  }

  close(): void {
    this.file.close();
  }

  private open(): AppendFile {
    const file = new AppendFile(join(this.directory, this.current));
    file.append(formatLedgerLine(this.runLine));
    return file;
  }

  /** Never the last two: the checkpoint lies in one of them. */
  private makeRoom(): void {
    const segments = listSegments(this.directory).map(({ name }) => {
      const path = join(this.directory, name);
      return { path, bytes: statSync(path).size };
    });
    let total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of segments.slice(0, -2)) {
      if (total <= this.maxBytes) return;
      rmSync(path);
      total -= bytes;
    }
  }
}

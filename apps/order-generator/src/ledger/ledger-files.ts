import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatLedgerLine, type LedgerLine, parseLedgerLine } from '@orderstream/contracts';
import { AppendFile, completeLines, truncateIncompleteLine } from './durable-file';
import { LedgerUnreadableError } from './errors';

type RunLine = Extract<LedgerLine, { kind: 'run' }>;

const MAX_FILE_BYTES = 64 * 1_048_576;
const FILE_NAME = /^(?<run>.+-(?<number>\d{5}))\.(?<file>\d{5})\.ndjson$/;

/** Names sort in the order of creation. The first line of each file is the line of its run. */
export interface LedgerFile {
  readonly name: string;
  readonly runNumber: number;
}

export function listLedgerFiles(directory: string): LedgerFile[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const groups = FILE_NAME.exec(name)?.groups;
      return groups === undefined ? [] : [{ name, runNumber: Number(groups.number) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Reads the complete lines and truncates an incomplete last one. @throws LedgerUnreadableError */
export function readLedgerFile(directory: string, name: string): LedgerLine[] {
  const path = join(directory, name);
  const lines = completeLines(truncateIncompleteLine(path, readFileSync(path)).toString('utf8'));
  try {
    return lines.map(parseLedgerLine);
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

const numbered = (number: number): string => number.toString().padStart(5, '0');

/** The id after that of the directory's last run. */
export function nextRunId(directory: string, directoryId: string): string {
  const last = listLedgerFiles(directory).at(-1)?.runNumber ?? 0;
  return `${directoryId}-${numbered(last + 1)}`;
}

/** Writes the lines of one run to files of limited size. Deletes the oldest files when their total size exceeds `maxBytes`. */
export class LedgerFileWriter {
  private file: AppendFile;
  private number = 1;

  constructor(
    private readonly directory: string,
    private readonly runLine: RunLine,
    private readonly maxBytes: number,
  ) {
    this.file = this.open();
  }

  write(line: LedgerLine): void {
    if (this.file.bytes > MAX_FILE_BYTES) {
      this.file.close();
      this.number++;
      this.file = this.open();
      this.deleteOldest();
    }
    this.file.append(formatLedgerLine(line));
  }

  /** Name of the file that is written to. */
  get current(): string {
    return `${this.runLine.run}.${numbered(this.number)}.ndjson`;
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

  /** Never deletes the last two files: a start reads them from the checkpoint on. */
  private deleteOldest(): void {
    const files = listLedgerFiles(this.directory).map(({ name }) => {
      const path = join(this.directory, name);
      return { path, bytes: statSync(path).size };
    });
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.slice(0, -2)) {
      if (total <= this.maxBytes) return;
      rmSync(path);
      total -= bytes;
    }
  }
}

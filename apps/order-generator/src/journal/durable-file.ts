import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const LINE_FEED = 0x0a;

/**
 * A file to append lines to. An appended line survives a crash of the process, because the kernel has it; it survives a
 * crash of the machine only after `sync`.
 */
export class AppendFile {
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, 'a', 0o600);
  }

  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
  }

  sync(): void {
    fdatasyncSync(this.file);
  }

  close(): void {
    this.sync();
    closeSync(this.file);
  }
}

/** Replaces the file atomically: after a crash of process or machine it has the old text or the new text. */
export function replaceFile(path: string, text: string): void {
  const next = `${path}.next`;
  const file = openSync(next, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Truncates the file after its last line feed, and returns its text. A crash may have interrupted the last write. */
export function readCompleteLines(path: string): string {
  const bytes = readFileSync(path);
  const complete = bytes.lastIndexOf(LINE_FEED) + 1;
  if (complete < bytes.length) truncateSync(path, complete);
  return bytes.toString('utf8', 0, complete);
}

import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const LINE_FEED = 0x0a;

/**
 * A file that lines are added to. A line that was appended survives the death of the process at once (it is the kernel's);
 * the death of the machine only after `sync`.
 */
export class AppendFile {
  private readonly file: number;
  bytes = 0;

  constructor(path: string) {
    this.file = openSync(path, 'a', 0o600);
  }

  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
    this.bytes += bytes.length;
  }

  sync(): void {
    fdatasyncSync(this.file);
  }

  close(): void {
    this.sync();
    closeSync(this.file);
  }
}

/** Puts the text in the file's place as a whole: after a crash of process or machine it is the old text or the new. */
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

/** The whole lines of the text. A crash may have cut the last one off: what has no line feed was never written. */
export function wholeLines(text: string): string[] {
  const end = text.lastIndexOf('\n');
  return end < 0 ? [] : text.slice(0, end).split('\n');
}

/** Cuts what follows the last line feed off the file. */
export function cutTornLine(path: string, bytes: Buffer): Buffer {
  const whole = bytes.lastIndexOf(LINE_FEED) + 1;
  if (whole < bytes.length) truncateSync(path, whole);
  return bytes.subarray(0, whole);
}

import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

const MAX_LOG_BYTES = 32 * 1_048_576;
const TAIL_BYTES = 8_192;

/**
 * The log of a process: `<app>.log`, and older lines in `<app>.log.1`. The process appends to the file itself, also
 * after the runner is killed. `trim` copies the file and truncates it; lines written between the two are lost.
 */
export class LogFile {
  constructor(readonly path: string) {}

  /** Opens the file for the output of a child; a large one is renamed first. The caller closes the descriptor. */
  open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    if (this.bytes() > MAX_LOG_BYTES / 4) renameSync(this.path, `${this.path}.1`);
    return openSync(this.path, 'a');
  }

  /** Truncates the file when it is above its limit. Below, it costs one stat. */
  trim(): void {
    if (this.bytes() <= MAX_LOG_BYTES) return;
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path, 0);
  }

  /** The last `lines` lines, at most 8 kB, to show why a process exited. */
  tail(lines: number): string {
    const size = this.bytes();
    if (size === 0) return '(the log is empty)';
    const length = Math.min(size, TAIL_BYTES);
    const buffer = Buffer.alloc(length);
    const file = openSync(this.path, 'r');
    try {
      readSync(file, buffer, 0, length, size - length);
    } finally {
      closeSync(file);
    }
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  private bytes(): number {
    return existsSync(this.path) ? statSync(this.path).size : 0;
  }
}

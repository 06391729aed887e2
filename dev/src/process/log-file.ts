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
 * A process' log: `<app>.log`, and what came before in `<app>.log.1`. The process writes to it by itself (it goes on when
 * the runner is killed), appending; so the file can be cut under its hands. What is written between the copy and the cut is
 * lost: it is a log for people, not a record.
 */
export class LogFile {
  constructor(readonly path: string) {}

  /** Starts a new file when the old one has grown, and opens it for a child's output. The caller closes it. */
  open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    if (this.bytes() > MAX_LOG_BYTES / 4) renameSync(this.path, `${this.path}.1`);
    return openSync(this.path, 'a');
  }

  /** Keeps the file below its limit while the process writes to it. Cheap: one stat. */
  trim(): void {
    if (this.bytes() <= MAX_LOG_BYTES) return;
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path, 0);
  }

  /** The end of the log, at most `lines` lines, to show why a process died. */
  tail(lines: number): string {
    if (this.bytes() === 0) return '(the log is empty)';
    return this.end(TAIL_BYTES).trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** The last bytes of the log, as text. */
  end(maxBytes: number): string {
    const size = this.bytes();
    if (size === 0) return '';
    const length = Math.min(size, maxBytes);
    const buffer = Buffer.alloc(length);
    const file = openSync(this.path, 'r');
    try {
      readSync(file, buffer, 0, length, size - length);
    } finally {
      closeSync(file);
    }
    return buffer.toString('utf8');
  }

  private bytes(): number {
    return existsSync(this.path) ? statSync(this.path).size : 0;
  }
}

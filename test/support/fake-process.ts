import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
export const VIEWER = 'token-of-a-viewer';
export const OPERATOR = 'token-of-an-operator';
/** `ADMIN_TOKENS` with both. */
export const TOKENS = JSON.stringify([
  { name: 'ann', role: 'viewer', sha256: sha256(VIEWER) },
  { name: 'bob', role: 'operator', sha256: sha256(OPERATOR) },
]);

/** A process whose signals the test emits and whose exit it awaits. */
export class FakeProcess extends EventEmitter {
  readonly exited = Promise.withResolvers<number>();
  written = '';
  readonly stderr = {
    write: (text: string): void => {
      this.written += text;
    },
  };
  exit(code: number): void {
    this.exited.resolve(code);
  }
}

export interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly url?: string;
  readonly [name: string]: unknown;
}

/** The log of a service: the destination of its logger. */
export class LogLines {
  readonly lines: LogLine[] = [];
  private readonly emitter = new EventEmitter();

  write(text: string): void {
    this.lines.push(JSON.parse(text) as LogLine);
    this.emitter.emit('line');
  }

  async line(msg: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line.msg.includes(msg));
      if (found !== undefined) return found;
      await new Promise((resolve) => this.emitter.once('line', resolve));
    }
  }

  /** Where the service listens, as soon as it does. */
  async url(): Promise<string> {
    return String((await this.line('listening')).url);
  }
}

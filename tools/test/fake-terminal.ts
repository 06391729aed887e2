import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { runCtl } from '../src/ctl/run-ctl';
import { type Terminal } from '../src/ctl/terminal';

export const TOKEN = 'operator-token';
const NOW = Date.parse('2026-11-26T12:00:00Z');

export interface CtlOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Standard output and error are a terminal of this width, and standard input, too. */
  readonly tty?: number;
  /** What a person answers; undefined is the end of the input. */
  readonly answer?: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
}

export interface CtlResult {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `ctl` in this process against a home folder with the `stack.json` of the given addresses. */
export class CtlRunner {
  readonly home = mkdtempSync(join(tmpdir(), 'ctl-'));

  /** A stack whose console and services are all at one address. */
  constructor(readonly url: string) {
    const at = { url };
    this.writeStack({
      console: at,
      services: { 'order-generator': at, validator: at, 'bq-sink': at, 'pubsub-bridge': at, 'batch-loader': at },
      tokens: { viewer: 'viewer-token', operator: TOKEN },
    });
  }

  writeStack(content: object | string): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(this.home, 'stack.json'), text);
  }

  file(name: string, content: string): string {
    const path = join(this.home, name);
    writeFileSync(path, content);
    return path;
  }

  async run(args: readonly string[], options: CtlOptions = {}): Promise<CtlResult> {
    let out = '';
    let err = '';
    let now = NOW;
    const isTty = options.tty !== undefined;
    const terminal: Terminal = {
      out: { isTty, columns: options.tty, write: (text) => (out += text) },
      err: { isTty, columns: options.tty, write: (text) => (err += text) },
      input: {
        isTty,
        line: () => Promise.resolve(options.answer),
        all: () => Promise.resolve(options.stdin ?? ''),
      },
      env: { ORDERSTREAM_HOME: this.home, ...options.env },
      signal: options.signal ?? new AbortController().signal,
      now: () => now,
      // A wait takes no time, and the clock goes on by it.
      delay: async (ms) => {
        now += ms;
        await setImmediate();
      },
    };
    const exitCode = await runCtl(args, terminal);
    return { exitCode, out, err };
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

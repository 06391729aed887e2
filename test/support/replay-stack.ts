import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { queryFresh, type QueryRow } from '@orderstream/bigquery';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { warehouse } from './foreign-order';
import { pidOf, StackCommand, type StackFile } from './running-stack';

const REPOSITORY = join(__dirname, '..', '..');
const DEADLINE_MS = 300_000;

export interface Letter {
  readonly id: string;
  readonly eventId: string;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
}

export interface Plan {
  readonly id: string;
  readonly state: string;
  readonly preview: {
    readonly letters: number;
    readonly followers: number;
    readonly total: number;
    readonly dryRun: { readonly passes: number; readonly fails: readonly object[]; readonly undecided: number };
  };
  readonly progress: Readonly<Record<string, number>>;
}

/** `npm start` with a console, operated by `npm run ctl` as an operator does it. */
export class ReplayStack {
  private constructor(
    readonly home: string,
    readonly file: StackFile,
    private readonly command: StackCommand,
  ) {}

  /** Few generated events, so that the orders of the test are most of what a partition sees. */
  static async start(): Promise<ReplayStack> {
    const local = join(REPOSITORY, '.local');
    mkdirSync(local, { recursive: true });
    const home = mkdtempSync(join(local, 'e2e-replay-'));
    const command = new StackCommand('main.js', ['--rate', '20', '--history', '0'], home);
    try {
      return new ReplayStack(home, await command.waitUntilConsole(), command);
    } catch (error) {
      command.signal('SIGTERM');
      await command.ended;
      throw error;
    }
  }

  /** @returns the exit code of the stack */
  async stop(): Promise<number> {
    this.command.signal('SIGTERM');
    const code = await this.command.ended;
    rmSync(this.home, { recursive: true, force: true });
    return code;
  }

  kafka(): Kafka {
    return createKafka({ brokers: this.file.kafka.brokers, clientId: 'replay-stack' });
  }

  /** @param query has `{dataset}` where the name of the dataset belongs */
  rows(query: string, params: Readonly<Record<string, string>> = {}): Promise<readonly QueryRow[]> {
    return queryFresh(warehouse(this.file), query.replaceAll('{dataset}', this.file.bigquery.dataset), params);
  }

  /** Waits until a query finds so many rows. */
  untilRows(
    what: string,
    count: number,
    query: string,
    params: Readonly<Record<string, string>>,
  ): Promise<readonly QueryRow[]> {
    return this.until(what, async () => {
      const found = await this.rows(query, params);
      return found.length >= count && found;
    });
  }

  kill(name: string): void {
    process.kill(pidOf(this.home, name), 'SIGKILL');
  }

  /** @returns the document that the command prints @throws if its exit code is not 0 */
  async ctl<T>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await this.runCtl(...args);
    if (code !== 0) throw new Error(`ctl ${args.join(' ')} ended with ${String(code)}: ${err}`);
    return JSON.parse(out) as T;
  }

  async runCtl(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const main = join(REPOSITORY, 'dist', 'tools', 'src', 'ctl', 'main.js');
    const child = spawn(process.execPath, [main, ...args, '--json'], {
      env: { ...process.env, ORDERSTREAM_HOME: this.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const code = await new Promise<number>((resolve) => {
      child.once('close', (exitCode) => {
        resolve(exitCode ?? -1);
      });
    });
    return { code, out, err };
  }

  until<T>(what: string, condition: () => Promise<T | false | undefined>): Promise<T> {
    return waitUntil(condition, { what, deadlineMs: DEADLINE_MS, intervalMs: 500 });
  }

  /** Waits until so many letters with the reason stand in a topic since a time; the latest 1,000. */
  letters(
    topic: string,
    reason: string,
    from: string,
    count: number,
    ...filter: readonly string[]
  ): Promise<readonly Letter[]> {
    const list = ['dead-letters', 'list', '--topic', topic, '--reason', reason, '--from', from, ...filter];
    return this.until(`${String(count)} letters in ${topic}`, async () => {
      const found = (await this.ctl<{ letters: Letter[] }>(...list, '--limit', '1000')).letters;
      return found.length >= count && found;
    });
  }

  /** `/admin/status` of a service. */
  async status<T>(service: string): Promise<T> {
    const response = await fetch(`${this.file.services[service]?.url ?? ''}/admin/status`, {
      headers: { authorization: `Bearer ${this.file.tokens.viewer}` },
    });
    return (await response.json()) as T;
  }
}

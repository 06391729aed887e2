import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';

const REPOSITORY = join(__dirname, '..', '..');
const START_DEADLINE_MS = 180_000;
/** What the user's shell can hold for other programs. None of it may reach the stack. */
const FOREIGN_ENV = {
  KAFKA_SSL: 'true',
  KAFKA_CLUSTER_ID: 'of-another-cluster',
  RULE_ACTIONS: 'not even JSON',
  PUBSUB_ORDERING: 'unknown',
  GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/credentials.json',
  GOOGLE_CLOUD_PROJECT: 'production',
  HTTP_HOST: 'nowhere.invalid',
};

/** No runs of dbt in the background. */
const QUIET = { ORDERSTREAM_ANY_PORTS: 'true', ORDERSTREAM_DBT_REFRESH_MINUTES: '0' };

/** What a test uses of `stack.json`. */
export interface StackFile {
  readonly kafka: { readonly brokers: string[] };
  readonly bigquery: { apiEndpoint: string; grpcEndpoint: string; projectId: string; dataset: string };
  readonly services: Readonly<Record<string, { url: string }>>;
  readonly tokens: { viewer: string; operator: string };
}

/** A program of `dist/dev/src`, started as its npm script starts it, with its own home folder and free ports. */
export class StackCommand {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number>;
  private readonly child: ChildProcess;

  constructor(
    program: string,
    args: readonly string[],
    private readonly home: string,
    env: NodeJS.ProcessEnv = {},
  ) {
    this.child = spawn(process.execPath, [join(REPOSITORY, 'dist', 'dev', 'src', program), ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, ...FOREIGN_ENV, ...QUIET, ORDERSTREAM_HOME: home, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        resolve(code ?? -1);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until every service runs, and returns the content of `stack.json`. */
  waitUntilRunning(): Promise<StackFile> {
    return this.waitForLine('Running after');
  }

  /** Waits until the console runs, too. */
  waitUntilConsole(): Promise<StackFile> {
    return this.waitForLine('Console at');
  }

  private async waitForLine(line: string): Promise<StackFile> {
    const failed = this.ended.then((code) => {
      throw new Error(`The stack ended with exit code ${String(code)}:\n${this.stderr}`);
    });
    const isRunning = waitUntil(() => this.stderr.includes(line), {
      what: `the stack to print "${line}"`,
      deadlineMs: START_DEADLINE_MS,
    });
    await Promise.race([isRunning, failed]);
    failed.catch(() => undefined);
    return JSON.parse(readFileSync(join(this.home, 'stack.json'), 'utf8')) as StackFile;
  }
}

/** The pid of a process of the stack that runs now. */
export function pidOf(home: string, name: string): number {
  return (JSON.parse(readFileSync(join(home, 'run', `${name}.json`), 'utf8')) as { pid: number }).pid;
}

/** The pids that the files in the run folder of the stack hold. */
export function startedPids(home: string): number[] {
  const folder = join(home, 'run');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { pid: number }).pid,
  );
}

/** The pids whose processes still run. */
export function runningPids(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  });
}

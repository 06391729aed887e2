import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';

const REPOSITORY = join(__dirname, '..', '..');
const START_DEADLINE_MS = 180_000;

/** What `.local/stack.json` tells. */
interface StackFile {
  readonly kafka: { readonly brokers: string[] };
  readonly bigquery: { apiEndpoint: string; grpcEndpoint: string; projectId: string; dataset: string };
  readonly services: Readonly<Record<string, { url: string }>>;
  readonly tokens: { viewer: string; operator: string };
}

/** A program of the repository, run as its npm script runs it, over a home folder and ports of its own. */
export class StackCommand {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number>;
  private readonly child: ChildProcess;

  constructor(
    program: string,
    args: readonly string[],
    private readonly home: string,
  ) {
    this.child = spawn(process.execPath, [join(REPOSITORY, 'dist', 'dev', 'src', program), ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, ORDERSTREAM_HOME: home, ORDERSTREAM_ANY_PORTS: 'true' },
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

  /** Waits until everything runs, the generator too. */
  async running(): Promise<StackFile> {
    const over = this.ended.then((code) => {
      throw new Error(`the stack ended with ${String(code)}:\n${this.stderr}`);
    });
    const isRunning = waitUntil(() => this.stderr.includes('Running after'), {
      what: 'the stack to run',
      deadlineMs: START_DEADLINE_MS,
    });
    await Promise.race([isRunning, over]);
    over.catch(() => undefined);
    return JSON.parse(readFileSync(join(this.home, 'stack.json'), 'utf8')) as StackFile;
  }
}

/** Pids of the processes that the run folder names. */
export function startedPids(home: string): number[] {
  const folder = join(home, 'run');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { pid: number }).pid,
  );
}

/** Those of the pids that still run. */
export function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  });
}

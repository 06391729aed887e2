import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { parsePosition } from '@orderstream/simulation';

export const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '127.0.0.1:29092';
const REPOSITORY = join(__dirname, '../../..');

/** A process of the service. */
export class GeneratorProcess {
  private readonly child: ChildProcess;
  private log = '';

  constructor(
    private readonly directory: string,
    settings: NodeJS.ProcessEnv,
  ) {
    this.child = spawn(process.execPath, [join(REPOSITORY, 'dist/apps/order-generator/src/main.js')], {
      cwd: REPOSITORY,
      env: {
        ...process.env,
        KAFKA_BROKERS: BROKERS,
        KAFKA_REPLICATION: '1',
        HTTP_PORT: '0',
        GENERATOR_LEDGER_DIR: directory,
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.log = (this.log + text.toString()).slice(-4_000)));
    }
  }

  /** Waits until this many records are acknowledged. */
  async acknowledged(count: number): Promise<void> {
    await waitUntil(() => this.position().acknowledged >= count, {
      what: `${count} acknowledged records; the log ends with ${this.log}`,
      deadlineMs: 60_000,
      intervalMs: 20,
    });
  }

  position(): { readonly acknowledged: number; readonly reserved: number } {
    if (this.child.exitCode !== null) throw new Error(`the generator has exited: ${this.log}`);
    return positionOf(this.directory);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}

export const positionOf = (directory: string) => parsePosition(readFileSync(join(directory, 'position.json'), 'utf8'));

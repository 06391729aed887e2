import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';

const STOP_DEADLINE_MS = 15_000;
/** The options of the services in the local stack. */
const MEMORY = ['--max-old-space-size=384', '--max-semi-space-size=8'];

/** A process under measurement. Its output goes to a file. */
export class BenchProcess {
  readonly logFile: string;
  readonly pid: number;
  private readonly child: ChildProcess;

  /** Starts `script`, a path below `dist/`, with `environment` in addition to that of this process. */
  constructor(
    readonly name: string,
    script: string,
    environment: Readonly<Record<string, string>>,
    folder: string,
    args: readonly string[] = [],
  ) {
    this.logFile = join(folder, `${name}.log`);
    const log = openSync(this.logFile, 'a');
    this.child = spawn(process.execPath, [...MEMORY, join(__dirname, '..', '..', script), ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log],
    });
    if (this.child.pid === undefined) throw new Error(`${name} could not be started`);
    this.pid = this.child.pid;
  }

  /** Throws when the process has exited. No process under measurement exits by itself. */
  assertAlive(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      throw new Error(
        `${this.name} exited early (${String(this.child.exitCode ?? this.child.signalCode)}), log: ${this.logFile}`,
      );
    }
  }

  /** SIGTERM, then SIGKILL after 15 s. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(killer);
  }
}

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil, type WaitOptions } from '@orderstream/deadlines';
import { identify, type ProcessIdentity } from '@orderstream/process-lock';
import { StartError } from '../errors';
import { type StackPaths } from '../paths';
import { LogFile } from './log-file';
import { waitForExit } from './wait-for-exit';

const LOG_LINES = 15;

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export const describeExit = ({ code, signal }: ProcessExit): string =>
  signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`;

/**
 * One child process with its log and its file in the run folder. It leads a process group of its own, so Ctrl-C in the
 * terminal reaches only the runner, which then stops the components in their order.
 */
export class ManagedProcess {
  readonly exited: Promise<ProcessExit>;
  private ended: ProcessExit | undefined;

  private constructor(
    readonly name: string,
    readonly identity: ProcessIdentity,
    readonly log: LogFile,
    exited: Promise<ProcessExit>,
  ) {
    this.exited = exited.then((exit) => (this.ended = exit));
  }

  static async start(spec: ProcessSpec, paths: Pick<StackPaths, 'logs' | 'run'>): Promise<ManagedProcess> {
    const log = new LogFile(join(paths.logs, `${spec.name}.log`));
    mkdirSync(paths.run, { recursive: true });
    const output = log.open();
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
      child.once('error', () => {
        if (child.pid === undefined) resolve({ code: null, signal: null });
      });
    });
    if (child.pid === undefined) {
      await exited;
      throw new Error(`${spec.command} cannot be started`);
    }
    const pidFile = join(paths.run, `${spec.name}.json`);
    // A process that has already exited has no identity. Its exit code is reported as usual.
    const identity = identify(child.pid) ?? { pid: child.pid, startedAt: 'exited' };
    writeFileSync(pidFile, JSON.stringify({ name: spec.name, ...identity }));
    return new ManagedProcess(
      spec.name,
      identity,
      log,
      exited.then((exit) => {
        rmSync(pidFile, { force: true });
        return exit;
      }),
    );
  }

  isRunning(): boolean {
    return this.ended === undefined;
  }

  /** Sends SIGTERM, and SIGKILL to the process group after `graceMs`. Resolves when the process has exited. */
  async stop(graceMs: number): Promise<ProcessExit> {
    if (this.ended !== undefined) return this.ended;
    process.kill(this.identity.pid, 'SIGTERM');
    if (!(await waitForExit(this.identity, graceMs))) this.kill();
    return this.exited;
  }

  /**
   * Waits for a condition that needs this process.
   *
   * @throws StartError with the end of the log if the process exits first
   * @throws DeadlineError, or the reason of the signal
   */
  async waitUntil(
    condition: () => boolean | Promise<boolean>,
    { what, signal, ...timing }: WaitOptions,
  ): Promise<void> {
    const exited = new AbortController();
    void this.exited.then((exit) => {
      const message = `${this.name} ${describeExit(exit)} during the wait for ${what}`;
      exited.abort(new StartError(`${message}. The end of ${this.log.path}:\n${this.log.tail(LOG_LINES)}`));
    });
    try {
      await waitUntil(condition, {
        what: `${what} (log: ${this.log.path})`,
        signal: AbortSignal.any(signal === undefined ? [exited.signal] : [exited.signal, signal]),
        ...timing,
      });
    } catch (error) {
      if (exited.signal.aborted) throw exited.signal.reason;
      throw error;
    }
  }

  /** Sends SIGKILL to the process group. */
  kill(): void {
    if (this.ended !== undefined) return;
    try {
      process.kill(-this.identity.pid, 'SIGKILL');
    } catch {
      // the process has exited in the meantime
    }
  }
}

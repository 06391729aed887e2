import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StackPaths } from '../paths';
import { LogFile } from './log-file';
import { identify, type ProcessIdentity } from '@orderstream/process-lock';
import { waitForExit } from './stop-process';

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
 * One child process with its log and its entry in the run folder. It leads a process group of its own: a Ctrl-C in the
 * terminal reaches the runner alone, which then stops the parts in their order.
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
    // A process that is gone already has no identity any more; its exit tells the rest.
    const identity = identify(child.pid) ?? { pid: child.pid, startedAt: 'gone' };
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

  /** Asks the process to end; after `graceMs` its whole group is killed. Gives how it ended. */
  async stop(graceMs: number): Promise<ProcessExit> {
    if (this.ended !== undefined) return this.ended;
    process.kill(this.identity.pid, 'SIGTERM');
    if (!(await waitForExit(this.identity, graceMs))) this.kill();
    return this.exited;
  }

  /** Ends the process and what it started, at once. */
  kill(): void {
    if (this.ended !== undefined) return;
    try {
      process.kill(-this.identity.pid, 'SIGKILL');
    } catch {
      // it went by itself in the meantime
    }
  }
}

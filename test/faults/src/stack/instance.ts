import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  describeExit,
  ManagedProcess,
  type Component,
  type ProcessExit,
  type ProcessSpec,
  type StackPaths,
  StartError,
} from '../../../../dev/src';
import { waitUntil } from '@orderstream/deadlines';
import { readLogEnd } from './log-end';
import { settledWithin } from './settled-within';

const READY_INTERVAL_MS = 50;
const RESTART_PAUSE_MS = 100;
/** A process that ends so often in a row without ever being ready has a defect: it is not restarted any more. */
const MAX_FAILED_STARTS = 5;
/** Room for what a process logs when all its partitions fail at once. */
const LOG_END_BYTES = 2 * 1_048_576;
const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 60_000;

/** How a process ended after SIGTERM. */
export interface Termination {
  readonly tookMs: number;
  readonly exit: ProcessExit;
}

/**
 * One process of the stack, which a fault can kill, freeze or stop. Between `up` and `down` it is restarted whenever it
 * ends, whatever the reason.
 */
export class Instance {
  private isWanted = false;
  private current: ManagedProcess | undefined;
  private supervision: Promise<void> = Promise.resolve();
  private failedStarts = 0;
  /** Number of processes that were started. */
  starts = 0;
  /** Why it is not restarted any more. */
  failure: Error | undefined;

  constructor(
    readonly component: Component,
    private readonly paths: StackPaths,
  ) {}

  get name(): string {
    return this.component.name;
  }

  /** Of the process that was started last. */
  get pid(): number | undefined {
    return this.current?.identity.pid;
  }

  get isRunning(): boolean {
    return this.current?.isRunning() === true;
  }

  /** Starts the process and restarts it from now on. Does not wait until it is ready. */
  async up(): Promise<void> {
    if (this.isWanted) return;
    await this.component.prepare?.();
    this.isWanted = true;
    this.failure = undefined;
    this.failedStarts = 0;
    const first = await this.launch();
    this.supervision = this.supervise(first);
  }

  /** @throws DeadlineError */
  async ready(deadlineMs: number = this.component.readyWithinMs): Promise<void> {
    await waitUntil(
      () => {
        if (this.failure !== undefined) throw this.failure;
        return this.isRunning && this.component.isReady();
      },
      { what: `${this.name} to be ready`, deadlineMs, intervalMs: READY_INTERVAL_MS },
    );
    this.failedStarts = 0;
  }

  /** kill -9. The process is restarted. */
  kill(): void {
    this.current?.kill();
  }

  /** Resolves when the current process has ended. @throws DeadlineError */
  async ended(deadlineMs = END_DEADLINE_MS): Promise<ProcessExit> {
    if (this.current === undefined) throw new Error(`${this.name} was never started`);
    return settledWithin(this.current.exited, `${this.name} to end`, deadlineMs);
  }

  /** Resolves when more than `starts` processes were started. @throws DeadlineError */
  async restarted(starts: number, deadlineMs = START_DEADLINE_MS): Promise<void> {
    await waitUntil(
      () => {
        if (this.failure !== undefined) throw this.failure;
        return this.starts > starts;
      },
      { what: `${this.name} to be restarted`, deadlineMs, intervalMs: READY_INTERVAL_MS },
    );
  }

  /** kill -9, and waits until the process is restarted, as its variant if it has one. @throws DeadlineError */
  async replace(): Promise<void> {
    const { starts } = this;
    this.kill();
    await this.restarted(starts);
  }

  /** SIGTERM. The process is restarted when it has ended. */
  terminate(): void {
    this.signal('SIGTERM');
  }

  /** Whether the process is stopped by SIGSTOP. */
  get isFrozen(): boolean {
    if (this.current?.isRunning() !== true) return false;
    const stat = readFileSync(`/proc/${String(this.current.identity.pid)}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  }

  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** SIGTERM, and SIGKILL after `stopGraceMs`. The process stays down until `up`. Undefined: it was not running. */
  async down(): Promise<Termination | undefined> {
    this.isWanted = false;
    const { current } = this;
    if (current?.isRunning() !== true) return undefined;
    const startedAt = performance.now();
    const exit = await current.stop(this.component.stopGraceMs);
    await this.supervision;
    return { tookMs: performance.now() - startedAt, exit };
  }

  /** kill -9. The process stays down until `up`. */
  async downHard(): Promise<void> {
    this.isWanted = false;
    this.thaw();
    this.current?.kill();
    await this.supervision;
  }

  /** Whether all texts are in one line of the last 2 MB of its log. */
  hasLogged(...texts: readonly string[]): boolean {
    if (this.current === undefined) return false;
    const lines = readLogEnd(this.current.log.path, LOG_END_BYTES).split('\n');
    return lines.some((line) => texts.every((text) => line.includes(text)));
  }

  /** Sends a signal to the process if it is running. */
  signal(signal: NodeJS.Signals): void {
    if (this.current?.isRunning() === true) process.kill(this.current.identity.pid, signal);
  }

  private async launch(): Promise<ManagedProcess> {
    const run = (spec: ProcessSpec): Promise<ManagedProcess> => ManagedProcess.start(spec, this.paths);
    this.current = await run(await this.component.process({ signal: new AbortController().signal, run }));
    this.starts++;
    return this.current;
  }

  private async supervise(first: ManagedProcess): Promise<void> {
    let child = first;
    for (;;) {
      const exit = await child.exited;
      if (!this.isWanted) return;
      if (++this.failedStarts > MAX_FAILED_STARTS) {
        this.failure = new StartError(
          `${this.name} ${describeExit(exit)} after each of the last ${String(this.failedStarts)} starts:\n${child.log.tail(10)}`,
        );
        return;
      }
      await delay(RESTART_PAUSE_MS);
      if (this.wasStopped()) return;
      child = await this.launch();
    }
  }

  /** A call, since the compiler does not know that `isWanted` changes during an await. */
  private wasStopped(): boolean {
    return !this.isWanted;
  }
}

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  describeExit,
  ManagedProcess,
  type Part,
  type ProcessExit,
  type StackPaths,
  StartError,
} from '../../../../dev/src';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
const READY_INTERVAL_MS = 50;
const RESTART_PAUSE_MS = 100;
/** Dead so often in a row without ever being ready: not a fault, a defect. */
const MAX_FAILED_STARTS = 5;
/** What a process says in a moment in which all its partitions fail. */
const LOG_END_BYTES = 2 * 1_048_576;
const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 60_000;

/** How a process took a SIGTERM. */
export interface Termination {
  readonly tookMs: number;
  readonly exit: ProcessExit;
}

/**
 * One process of the stack, as faults need it: killed, frozen, told to end. While it is meant to be up it is started
 * again at once when it dies, however it died.
 */
export class Instance {
  private wanted = false;
  private current: ManagedProcess | undefined;
  private keeping: Promise<void> = Promise.resolve();
  private failedStarts = 0;
  /** Processes that it was so far. */
  starts = 0;
  /** Told when it cannot be kept up. */
  failure: Error | undefined;

  constructor(
    readonly part: Part,
    private readonly paths: StackPaths,
  ) {}

  get name(): string {
    return this.part.name;
  }

  /** Of the newest process. */
  get pid(): number | undefined {
    return this.current?.identity.pid;
  }

  get isRunning(): boolean {
    return this.current?.isRunning() === true;
  }

  /** Starts it and keeps it up; does not wait until it is ready. */
  async up(): Promise<void> {
    if (this.wanted) return;
    await this.part.prepare?.();
    this.wanted = true;
    // One that could not be kept up and was taken down is tried anew.
    this.failure = undefined;
    this.failedStarts = 0;
    const first = await this.launch();
    this.keeping = this.keep(first);
  }

  /** @throws DeadlineError */
  async ready(deadlineMs: number = this.part.readyWithinMs): Promise<void> {
    await waitUntil(
      () => {
        if (this.failure !== undefined) throw this.failure;
        return this.isRunning && this.part.isReady();
      },
      { what: `${this.name} to be ready`, deadlineMs, intervalMs: READY_INTERVAL_MS },
    );
    this.failedStarts = 0;
  }

  /** kill -9. It is started again. */
  kill(): void {
    this.current?.kill();
  }

  /** Resolves with how the process that runs now ends. @throws DeadlineError */
  async ended(deadlineMs = END_DEADLINE_MS): Promise<ProcessExit> {
    if (this.current === undefined) throw new Error(`${this.name} was never started`);
    return within(this.current.exited, `${this.name} to end`, deadlineMs);
  }

  /** Resolves when more processes than so many were started. @throws DeadlineError, or why it cannot be kept up */
  async startedAgain(starts: number, deadlineMs = START_DEADLINE_MS): Promise<void> {
    await waitUntil(
      () => {
        if (this.failure !== undefined) throw this.failure;
        return this.starts > starts;
      },
      { what: `${this.name} to be started again`, deadlineMs, intervalMs: READY_INTERVAL_MS },
    );
  }

  /** kill -9, and it is started again, as something else if it was disguised. @throws DeadlineError */
  async replace(): Promise<void> {
    const { starts } = this;
    this.kill();
    await this.startedAgain(starts);
  }

  /** SIGTERM; it is started again when it has ended. */
  terminate(): void {
    this.signal('SIGTERM');
  }

  /** Whether it stands still. */
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

  /** SIGTERM, and SIGKILL when its patience is over. It stays down until `up`. */
  async down(): Promise<Termination | undefined> {
    this.wanted = false;
    const { current } = this;
    if (current?.isRunning() !== true) return undefined;
    const startedAt = performance.now();
    const exit = await current.stop(this.part.stopGraceMs);
    await this.keeping;
    return { tookMs: performance.now() - startedAt, exit };
  }

  /** kill -9, and it stays down until `up`. */
  async downHard(): Promise<void> {
    this.wanted = false;
    this.thaw();
    this.current?.kill();
    await this.keeping;
  }

  /** Whether the end of its log says this. */
  hasLogged(text: string): boolean {
    return this.current?.log.end(LOG_END_BYTES).includes(text) === true;
  }

  /** Sends a signal, if it runs. */
  signal(signal: NodeJS.Signals): void {
    if (this.current?.isRunning() === true) process.kill(this.current.identity.pid, signal);
  }

  private async launch(): Promise<ManagedProcess> {
    this.current = await ManagedProcess.start(await this.part.process(), this.paths);
    this.starts++;
    return this.current;
  }

  private async keep(first: ManagedProcess): Promise<void> {
    let child = first;
    for (;;) {
      const exit = await child.exited;
      if (!this.wanted) return;
      if (++this.failedStarts > MAX_FAILED_STARTS) {
        this.failure = new StartError(`${this.name} ${describeExit(exit)} again and again:\n${child.log.tail(10)}`);
        return;
      }
      await delay(RESTART_PAUSE_MS);
      if (!this.isWanted()) return;
      child = await this.launch();
    }
  }

  private isWanted(): boolean {
    return this.wanted;
  }
}

async function within<T>(work: Promise<T>, what: string, deadlineMs: number): Promise<T> {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new DeadlineError(what, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

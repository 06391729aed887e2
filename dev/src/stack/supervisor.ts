import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../errors';
import { type StackPaths } from '../paths';
import { describeExit, ManagedProcess } from '../process/managed-process';
import { waitUntil } from '@orderstream/deadlines';
import { type Progress } from '../progress';
import { type Part, type PartState, type PartStatus } from './part';

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
/** A part that ran this long before it died is started again without waiting longer each time. */
const STEADY_AFTER_MS = 60_000;
const CHECK_INTERVAL_MS = 5_000;
const DEAD_AFTER_FAILED_CHECKS = 6;
const READY_INTERVAL_MS = 50;

/**
 * Starts the parts, starts again what dies, stops them in the order it is told.
 *
 * A part that dies before it was ever ready ends the start with the end of its log: that is a mistake to look at. One that
 * dies later is started again, after a pause that doubles each time, for as long as the stack runs.
 */
export class Supervisor {
  private readonly parts = new Map<string, SupervisedPart>();

  constructor(
    private readonly paths: StackPaths,
    private readonly progress: Progress,
  ) {}

  /** Starts parts that do not need each other, and waits until all of them are ready. */
  async start(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const added = parts.map((part) => {
      const supervised = new SupervisedPart(part, this.paths, this.progress);
      this.parts.set(part.name, supervised);
      return supervised;
    });
    await Promise.all(added.map((part) => part.start(signal)));
  }

  status(): PartStatus[] {
    return [...this.parts.values()].map((part) => part.status());
  }

  /** Stops one after the other; what is not named comes last, the latest started first. */
  async stop(order: readonly string[]): Promise<void> {
    const others = [...this.parts.keys()].filter((name) => !order.includes(name)).reverse();
    for (const name of [...order, ...others]) await this.parts.get(name)?.stop();
  }

  /** Ends everything at once. */
  kill(): void {
    for (const part of this.parts.values()) part.kill();
  }
}

class SupervisedPart {
  private readonly stopping = new AbortController();
  private state: PartState = 'starting';
  private restarts = 0;
  private current: ManagedProcess | undefined;
  private watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly part: Part,
    private readonly paths: StackPaths,
    private readonly progress: Progress,
  ) {}

  status(): PartStatus {
    return { name: this.part.name, state: this.state, restarts: this.restarts };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { name } = this.part;
    const startedAt = performance.now();
    await this.part.prepare?.();
    signal.throwIfAborted();
    const child = await this.launch();
    await this.untilReady(child, AbortSignal.any([signal, this.stopping.signal]));
    this.state = 'running';
    this.progress.line(`  ${name} is ready (${secondsSince(startedAt)} s)`);
    this.watching = this.watch(child);
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    const startedAt = performance.now();
    if (this.state === 'running') await this.settle();
    this.state = 'stopping';
    this.stopping.abort();
    await this.watching;
    if (this.current?.isRunning() === true) {
      const exit = await this.current.stop(this.part.stopGraceMs);
      if (exit.signal === 'SIGKILL') {
        const seconds = String(this.part.stopGraceMs / 1000);
        this.progress.line(`  ${this.part.name} did not stop within ${seconds} s and was killed`);
      } else {
        this.progress.line(`  ${this.part.name} has stopped (${secondsSince(startedAt)} s)`);
      }
    }
    this.state = 'stopped';
  }

  kill(): void {
    this.stopping.abort();
    this.current?.kill();
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async settle(): Promise<void> {
    try {
      await this.part.beforeStop?.(AbortSignal.any([this.stopping.signal, AbortSignal.timeout(this.part.stopGraceMs)]));
    } catch (error) {
      this.progress.line(`  ${this.part.name} was not settled before its stop: ${messageOf(error)}`);
    }
  }

  private async launch(): Promise<ManagedProcess> {
    this.current = await ManagedProcess.start(await this.part.process(), this.paths);
    return this.current;
  }

  private async untilReady(child: ManagedProcess, signal: AbortSignal): Promise<void> {
    const { name, readyWithinMs } = this.part;
    const died = new AbortController();
    void child.exited.then((exit) => {
      died.abort(
        new StartError(
          `${name} ${describeExit(exit)} before it was ready. The end of ${child.log.path}:\n${child.log.tail(15)}`,
        ),
      );
    });
    try {
      await waitUntil(() => this.part.isReady(), {
        what: `${name} to be ready (its log: ${child.log.path})`,
        deadlineMs: readyWithinMs,
        intervalMs: READY_INTERVAL_MS,
        signal: AbortSignal.any([signal, died.signal]),
      });
    } catch (error) {
      if (died.signal.aborted) throw died.signal.reason;
      throw error;
    }
  }

  /** Runs for as long as the part does; never rejects. */
  private async watch(first: ManagedProcess): Promise<void> {
    let child = first;
    let backoffMs = FIRST_BACKOFF_MS;
    let startedAt = performance.now();
    while (!this.isStopping()) {
      const cause = await this.untilDead(child);
      if (this.isStopping()) return;
      this.state = 'restarting';
      this.restarts++;
      this.progress.line(`  ${this.part.name} ${cause}: it is started again (log: ${child.log.path})`);
      backoffMs = performance.now() - startedAt > STEADY_AFTER_MS ? FIRST_BACKOFF_MS : backoffMs;
      try {
        await delay(backoffMs, undefined, { signal: this.stopping.signal });
        startedAt = performance.now();
        child = await this.launch();
        await this.untilReady(child, this.stopping.signal);
        this.state = 'running';
        this.progress.line(`  ${this.part.name} is ready again`);
      } catch {
        if (this.isStopping()) return;
        child.kill();
      }
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  /** Waits for the process' end, or for its checks to have failed for too long; gives what to say of it. */
  private async untilDead(child: ManagedProcess): Promise<string> {
    let failedChecks = 0;
    while (child.isRunning()) {
      const timer = new AbortController();
      const pause = delay(CHECK_INTERVAL_MS, undefined, {
        signal: AbortSignal.any([timer.signal, this.stopping.signal]),
      });
      await Promise.race([child.exited, pause.catch(() => undefined)]);
      timer.abort();
      if (this.isStopping()) return 'is stopped';
      if (!child.isRunning()) break;
      child.log.trim();
      const alive = (await this.part.isAlive?.().catch(() => false)) ?? true;
      failedChecks = alive ? 0 : failedChecks + 1;
      if (failedChecks >= DEAD_AFTER_FAILED_CHECKS) {
        child.kill();
        await child.exited;
        return 'did not answer its health checks and was killed';
      }
    }
    return describeExit(await child.exited);
  }
}

const secondsSince = (startedAt: number): string => ((performance.now() - startedAt) / 1000).toFixed(1);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

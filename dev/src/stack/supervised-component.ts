import { setTimeout as delay } from 'node:timers/promises';
import { type StackPaths } from '../paths';
import { describeExit, ManagedProcess } from '../process/managed-process';
import { type Progress } from '../progress';
import { type Component, type ComponentState, type ComponentStatus } from './component';

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
/** After a run of this length the backoff starts again from its first value. */
const STEADY_AFTER_MS = 60_000;
const CHECK_INTERVAL_MS = 5_000;
const DEAD_AFTER_FAILED_CHECKS = 6;
const READY_INTERVAL_MS = 50;

/**
 * Runs one component.
 *
 * Failure semantics: if the process exits before it is ready for the first time, the start fails with the end of its
 * log. If it dies later, it is restarted with a backoff that doubles each time, for as long as the stack runs.
 */
export class SupervisedComponent {
  private readonly stopping = new AbortController();
  private state: ComponentState = 'starting';
  private restarts = 0;
  private current: ManagedProcess | undefined;
  private watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly component: Component,
    private readonly paths: StackPaths,
    private readonly progress: Progress,
  ) {}

  status(): ComponentStatus {
    return { name: this.component.name, state: this.state, restarts: this.restarts };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { name } = this.component;
    const startedAt = performance.now();
    await this.component.prepare?.();
    signal.throwIfAborted();
    const child = await this.launch();
    await this.waitUntilReady(child, AbortSignal.any([signal, this.stopping.signal]));
    this.state = 'running';
    this.progress.line(`  ${name} is ready (${secondsSince(startedAt)} s)`);
    this.watching = this.watch(child);
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    const { name, stopGraceMs } = this.component;
    const startedAt = performance.now();
    this.state = 'stopping';
    this.stopping.abort();
    await this.watching;
    if (this.current?.isRunning() === true) {
      const exit = await this.current.stop(stopGraceMs);
      if (exit.signal === 'SIGKILL') {
        this.progress.line(`  ${name} did not stop within ${String(stopGraceMs / 1000)} s and was killed`);
      } else {
        this.progress.line(`  ${name} has stopped (${secondsSince(startedAt)} s)`);
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

  private async launch(): Promise<ManagedProcess> {
    this.current = await ManagedProcess.start(await this.component.process(), this.paths);
    return this.current;
  }

  private waitUntilReady(child: ManagedProcess, signal: AbortSignal): Promise<void> {
    const { name, readyWithinMs } = this.component;
    return child.waitUntil(() => this.component.isReady(), {
      what: `${name} to be ready`,
      deadlineMs: readyWithinMs,
      intervalMs: READY_INTERVAL_MS,
      signal,
    });
  }

  /** Restarts the component whenever it dies, until the stop. Never rejects. */
  private async watch(first: ManagedProcess): Promise<void> {
    let child = first;
    let backoffMs = FIRST_BACKOFF_MS;
    let startedAt = performance.now();
    while (!this.isStopping()) {
      const cause = await this.waitUntilDead(child);
      if (this.isStopping()) return;
      this.state = 'restarting';
      this.restarts++;
      this.progress.line(`  ${this.component.name} ${cause} and is restarted (log: ${child.log.path})`);
      backoffMs = performance.now() - startedAt > STEADY_AFTER_MS ? FIRST_BACKOFF_MS : backoffMs;
      try {
        await delay(backoffMs, undefined, { signal: this.stopping.signal });
        startedAt = performance.now();
        child = await this.launch();
        await this.waitUntilReady(child, this.stopping.signal);
        this.state = 'running';
        this.progress.line(`  ${this.component.name} is ready again`);
      } catch {
        if (this.isStopping()) return;
        child.kill();
      }
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  /** Waits until the process exits, or kills it after too many failed health checks. Resolves to the cause. */
  private async waitUntilDead(child: ManagedProcess): Promise<string> {
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
      const alive = (await this.component.isAlive?.().catch(() => false)) ?? true;
      failedChecks = alive ? 0 : failedChecks + 1;
      if (failedChecks >= DEAD_AFTER_FAILED_CHECKS) {
        child.kill();
        await child.exited;
        return `failed ${String(DEAD_AFTER_FAILED_CHECKS)} health checks, was killed`;
      }
    }
    return describeExit(await child.exited);
  }
}

const secondsSince = (startedAt: number): string => ((performance.now() - startedAt) / 1000).toFixed(1);

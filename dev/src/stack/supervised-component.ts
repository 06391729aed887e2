import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
import { PortTakenError } from '../errors';
import { type StackPaths } from '../paths';
import { describeExit, ManagedProcess, type ProcessSpec } from '../process/managed-process';
import { canListen } from '../process/ports';
import { type Progress } from '../progress';
import { type Component, type ComponentState, type ComponentStatus } from './component';

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
/** After a run of this length the backoff starts again from its first value. */
const STEADY_AFTER_MS = 60_000;
const SILENT_FOR_MS = 30_000;
/** One check can fail because the machine was suspended. */
const MIN_FAILED_CHECKS = 3;
const READY_INTERVAL_MS = 50;
/** For the last processes of a killed component to release its port. */
const PORT_RELEASE_MS = 5_000;

export interface SupervisionOptions {
  /** Time between two checks whether the component answers. */
  readonly checkIntervalMs: number;
  /** Called when the component can never run again, because another program has its port. */
  readonly onPortTaken: (error: PortTakenError) => void;
}

/** Work that needs the component to be down. The signal aborts when the component is stopped. */
export type WhileDown = (signal: AbortSignal) => Promise<void>;

/** A restart that was requested, not caused by the end of the process. */
interface Restart {
  readonly cause: string;
  readonly whileDown: WhileDown;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Why a process is to be replaced. */
interface Ending {
  readonly cause: string;
  readonly requested?: Restart;
}

/**
 * Runs one component.
 *
 * Failure semantics: if the process exits before it is ready for the first time, the start fails with the end of its
 * log. If it exits later, or does not answer for a while, it is restarted with a backoff that doubles each time, for as
 * long as the stack runs. Before each start its ports must be free: if another program has one of them, the clients of
 * the component would reach that program, so the component is not started any more.
 */
export class SupervisedComponent {
  private readonly stopping = new AbortController();
  private state: ComponentState = 'starting';
  private restarts = 0;
  private current: ManagedProcess | undefined;
  private running: Promise<void> = Promise.resolve();
  private requested: Restart | undefined;
  private wake: () => void = () => undefined;
  private readonly stopped: Promise<void>;

  constructor(
    private readonly component: Component,
    private readonly paths: StackPaths,
    private readonly progress: Progress,
    private readonly options: SupervisionOptions,
  ) {
    this.stopped = new Promise((resolve) => {
      this.stopping.signal.addEventListener('abort', () => {
        resolve();
      });
    });
  }

  status(): ComponentStatus {
    return { name: this.component.name, state: this.state, restarts: this.restarts };
  }

  async start(signal: AbortSignal): Promise<void> {
    const first = this.startFirst(AbortSignal.any([signal, this.stopping.signal]));
    this.running = first.then(
      (child) => this.watch(child),
      // The caller of `start` gets the error.
      () => {
        if (!this.isStopping()) this.state = 'failed';
      },
    );
    await first;
  }

  /**
   * Stops the process, calls `whileDown`, and starts the process again. Resolves when it is ready.
   *
   * @param cause completes "<name> is restarted: …"
   * @throws Error when the component is not running; what `whileDown` throws, once the process runs again
   */
  async restart(cause: string, whileDown: WhileDown = () => Promise.resolve()): Promise<void> {
    if (this.state !== 'running' || this.requested !== undefined) {
      throw new Error(`${this.component.name} cannot be restarted now: it is ${this.state}`);
    }
    await new Promise<void>((resolve, reject) => {
      this.requested = { cause, whileDown, resolve, reject };
      this.wake();
    });
  }

  /** Resolves when no process of the component runs, also when it is stopped during its start or a restart. */
  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    const { name, stopGraceMs } = this.component;
    const startedAt = performance.now();
    this.state = 'stopping';
    this.stopping.abort(new Error(`${name} is stopped`));
    await this.running;
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
    this.stopping.abort(new Error(`${this.component.name} is killed`));
    this.current?.kill();
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async startFirst(signal: AbortSignal): Promise<ManagedProcess> {
    const startedAt = performance.now();
    await this.component.prepare?.();
    signal.throwIfAborted();
    const child = await this.launch();
    await this.waitUntilReady(child, signal);
    this.state = 'running';
    this.progress.line(`  ${this.component.name} is ready (${secondsSince(startedAt)} s)`);
    return child;
  }

  private async launch(): Promise<ManagedProcess> {
    const { signal } = this.stopping;
    // Before and after: the preparation of a broker takes seconds.
    await this.requirePorts();
    const spec = await this.component.process({ signal, run: (first) => this.run(first) });
    await this.requirePorts();
    return this.run(spec);
  }

  private async run(spec: ProcessSpec): Promise<ManagedProcess> {
    this.stopping.signal.throwIfAborted();
    this.current = await ManagedProcess.start(spec, this.paths);
    return this.current;
  }

  /** @throws PortTakenError */
  private async requirePorts(): Promise<void> {
    const { name, ports = [] } = this.component;
    for (const port of ports) {
      try {
        await waitUntil(() => canListen(port), {
          what: `port ${String(port)} to be free`,
          deadlineMs: PORT_RELEASE_MS,
          signal: this.stopping.signal,
        });
      } catch (error) {
        if (!(error instanceof DeadlineError)) throw error;
        const owner = await this.component.portOwner?.().catch(() => undefined);
        throw new PortTakenError(name, port, owner ?? 'another program');
      }
    }
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

  /** Replaces the process whenever it ends or does not answer, until the stop. Never rejects. */
  private async watch(first: ManagedProcess): Promise<void> {
    let child = first;
    let backoffMs = FIRST_BACKOFF_MS;
    let startedAt = performance.now();
    while (!this.isStopping()) {
      const { signal } = this.stopping;
      const { cause, requested } = await this.untilEnded(child);
      if (this.isStopping()) {
        requested?.reject(signal.reason);
        break;
      }
      this.state = 'restarting';
      this.restarts++;
      this.progress.line(`  ${this.component.name} ${cause}${requested ? '' : ` (log: ${child.log.path})`}`);
      backoffMs = performance.now() - startedAt > STEADY_AFTER_MS ? FIRST_BACKOFF_MS : backoffMs;
      const work = requested?.whileDown ?? ((): Promise<void> => delay(backoffMs, undefined, { signal }));
      // The process runs again even if the work fails.
      const failure = await work(signal).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (this.isStopping()) {
        requested?.reject(signal.reason);
        break;
      }
      try {
        startedAt = performance.now();
        child = await this.launch();
        await this.waitUntilReady(child, signal);
        this.state = 'running';
        this.progress.line(`  ${this.component.name} is ready again (${secondsSince(startedAt)} s)`);
        if (failure === undefined) requested?.resolve();
        else requested?.reject(failure.error);
      } catch (error) {
        requested?.reject(error);
        if (this.isStopping()) break;
        if (error instanceof PortTakenError) {
          this.options.onPortTaken(error);
          break;
        }
        this.progress.line(`  ${this.component.name} does not start: ${firstLineOf(error)}`);
        child.kill();
      }
      if (requested === undefined) backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
    this.requested?.reject(this.stopping.signal.reason);
  }

  /** Waits until the process exits, does not answer any more and was killed, or was stopped for a restart. */
  private async untilEnded(child: ManagedProcess): Promise<Ending> {
    const { silentForMs = SILENT_FOR_MS, stopGraceMs } = this.component;
    let failedChecks = 0;
    let answeredAt = performance.now();
    while (child.isRunning() && !this.isStopping()) {
      await this.nextCheck(child);
      if (this.isStopping() || !child.isRunning()) break;
      const { requested } = this;
      if (requested !== undefined) {
        this.requested = undefined;
        this.state = 'restarting';
        await child.stop(stopGraceMs);
        return { cause: `is restarted: ${requested.cause}`, requested };
      }
      child.log.trim();
      const answers = await Promise.race([this.answers(), this.stopped]);
      if (this.isStopping() || !child.isRunning()) break;
      if (answers) {
        failedChecks = 0;
        answeredAt = performance.now();
      } else {
        failedChecks++;
      }
      const silentMs = performance.now() - answeredAt;
      this.state = failedChecks < 2 ? 'running' : 'not answering';
      if (failedChecks >= MIN_FAILED_CHECKS && silentMs >= silentForMs) {
        child.kill();
        await child.exited;
        return { cause: `has not answered for ${secondsOf(silentMs)} s, was killed and is restarted` };
      }
    }
    if (this.isStopping()) return { cause: 'is stopped' };
    return { cause: `${describeExit(await child.exited)} and is restarted` };
  }

  private async answers(): Promise<boolean> {
    return (await this.component.isAlive?.().catch(() => false)) ?? true;
  }

  /** Resolves after the interval between two checks, and at once when the process exits, for a restart and for a stop. */
  private async nextCheck(child: ManagedProcess): Promise<void> {
    if (this.requested !== undefined) return;
    const woken = Promise.withResolvers<undefined>();
    this.wake = () => {
      woken.resolve(undefined);
    };
    const timer = setTimeout(this.wake, this.options.checkIntervalMs);
    await Promise.race([child.exited, this.stopped, woken.promise]);
    clearTimeout(timer);
  }
}

const secondsSince = (startedAt: number): string => secondsOf(performance.now() - startedAt);
const secondsOf = (ms: number): string => (ms / 1000).toFixed(1);
const firstLineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

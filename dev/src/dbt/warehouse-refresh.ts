import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DevSettings } from '../dev.config';
import { StartError } from '../errors';
import { type StackPaths } from '../paths';
import { componentEnv } from '../process/component-env';
import { describeExit, ManagedProcess } from '../process/managed-process';
import { type Progress } from '../progress';
import { dbtEnvironment, type DbtWarehouse } from './dbt-environment';
import { lockDbt } from './dbt-lock';
import { type DbtPrograms } from './prepare-dbt';

/** The stream flows by then, and has the machine for itself until then. */
const FIRST_AFTER_MS = 30_000;
const MINUTE_MS = 60_000;
const WAIT_FOR_LOCK_MS = 600_000;
/** A build takes a minute or two. One that takes this long hangs. */
const LONGEST_BUILD_MS = 1_800_000;
/** dbt ends on SIGTERM at once. */
const STOP_GRACE_MS = 2_000;
const LOG_LINES = 5;

/** Models and snapshots. The tests are left to `npm run dbt -- build`. */
const BUILD = ['--no-use-colors', 'build', '--resource-type', 'model', '--resource-type', 'snapshot'];

/** What the star schema of the running stack has. */
export type WarehouseState =
  | { readonly kind: 'not built' }
  | { readonly kind: 'building' }
  /** It has every row that was in the warehouse at this time. */
  | { readonly kind: 'built'; readonly asOf: Date }
  | { readonly kind: 'failed'; readonly asOf: Date | undefined };

export interface RefreshContext {
  readonly paths: StackPaths;
  readonly settings: Pick<DevSettings, 'dbtRefreshMinutes'>;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly warehouse: DbtWarehouse;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Installs dbt if it is missing. */
  readonly prepare: (signal: AbortSignal) => Promise<Pick<DbtPrograms, 'dbt'>>;
  readonly firstAfterMs?: number;
}

/**
 * Builds the star schema of the local stack in the background, and again on a schedule: one run at a time, also beside
 * `npm run dbt`, and at the lowest priority. The stream does not depend on it: a machine without a Python 3.13, or without
 * PyPI, gets a message.
 *
 * Failure semantics: a failed run is reported, and the next one starts at its time. A run that is stopped, or killed with
 * the runner, leaves each table old or new, never in part, and the next run continues. dbt is a process of the stack: if
 * the runner is killed, the next start stops it.
 */
export class WarehouseRefresh {
  private readonly stopping = new AbortController();
  private readonly signal: AbortSignal;
  private running: Promise<void> = Promise.resolve();
  private current: WarehouseState = { kind: 'not built' };

  constructor(private readonly context: RefreshContext) {
    this.signal = AbortSignal.any([context.signal, this.stopping.signal]);
  }

  get state(): WarehouseState {
    return this.current;
  }

  /** @param history what the first build waits for, whether it succeeds or not */
  start(history: Promise<unknown> = Promise.resolve()): void {
    if (this.context.settings.dbtRefreshMinutes === 0) return;
    this.running = this.runUntilStopped(history);
  }

  /** Ends a run that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async runUntilStopped(history: Promise<unknown>): Promise<void> {
    const { settings, progress, prepare, firstAfterMs = FIRST_AFTER_MS } = this.context;
    try {
      await this.wait(firstAfterMs);
      await Promise.race([Promise.allSettled([history]), this.untilStopped()]);
      const { dbt } = await prepare(this.signal);
      for (;;) {
        await this.refresh(dbt);
        await this.wait(settings.dbtRefreshMinutes * MINUTE_MS);
      }
    } catch (error) {
      if (this.signal.aborted) return;
      this.current = { kind: 'failed', asOf: undefined };
      progress.line(`There is no star schema: ${messageOf(error)}\nThe stream does not need it.`);
    }
  }

  private async refresh(dbt: string): Promise<void> {
    const { paths, progress, settings } = this.context;
    const before = this.current;
    const asOfBefore = 'asOf' in before ? before.asOf : undefined;
    try {
      const unlock = await lockDbt(join(paths.home, 'dbt', 'lock'), {
        timeoutMs: WAIT_FOR_LOCK_MS,
        signal: this.signal,
        onWait: () => undefined,
      });
      try {
        const asOf = new Date();
        if (asOfBefore === undefined) this.current = { kind: 'building' };
        await this.build(dbt);
        this.current = { kind: 'built', asOf };
        if (before.kind === 'built') return;
        const seconds = ((Date.now() - asOf.getTime()) / 1_000).toFixed(0);
        progress.line(
          `The star schema is built, in ${seconds} s, with what was in the warehouse at ${asOf.toISOString()}: ` +
            'npm run sql -- "select * from orders_daily_agg order by total_value desc limit 10"',
        );
      } finally {
        unlock();
      }
    } catch (error) {
      this.signal.throwIfAborted();
      this.current = { kind: 'failed', asOf: asOfBefore };
      progress.line(`${messageOf(error)}\nThe next run is in ${settings.dbtRefreshMinutes} minutes.`);
    }
  }

  /** @throws StartError when dbt fails, or does not end */
  private async build(dbt: string): Promise<void> {
    const { paths, env, warehouse } = this.context;
    const process = await ManagedProcess.start(
      {
        name: 'dbt',
        command: 'nice',
        args: ['-n', '19', dbt, ...BUILD],
        // Not the user's environment, which may name another target.
        env: {
          ...dbtEnvironment(paths, warehouse, { run: 'refresh', env: componentEnv(env, paths) }),
          ORDERSTREAM_DBT_THREADS: '1',
        },
        cwd: paths.repository,
      },
      paths,
    );
    const end = AbortSignal.any([this.signal, AbortSignal.timeout(LONGEST_BUILD_MS)]);
    const stop = (): void => {
      void process.stop(STOP_GRACE_MS);
    };
    end.addEventListener('abort', stop);
    if (end.aborted) stop();
    const exit = await process.exited;
    end.removeEventListener('abort', stop);
    this.signal.throwIfAborted();
    if (exit.code === 0) return;
    throw new StartError(
      `The star schema is not built: dbt ${describeExit(exit)}. The end of ${process.log.path}:\n` +
        `${process.log.tail(LOG_LINES)}\nnpm run dbt -- build shows it alone.`,
    );
  }

  private wait(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.signal, ref: false });
  }

  private untilStopped(): Promise<never> {
    return new Promise((_, reject) => {
      const stop = (): void => {
        reject(this.signal.reason as Error);
      };
      this.signal.addEventListener('abort', stop);
      if (this.signal.aborted) stop();
    });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

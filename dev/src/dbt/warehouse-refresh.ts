import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DevSettings } from '../dev.config';
import { runCommand } from '../install/run-command';
import { type StackPaths } from '../paths';
import { componentEnv } from '../process/component-env';
import { type Progress } from '../progress';
import { dbtEnvironment, type DbtWarehouse } from './dbt-environment';
import { lockDbt } from './dbt-lock';
import { prepareDbt } from './prepare-dbt';

/** The stream flows by then, and has the machine for itself until then. */
const FIRST_AFTER_MS = 30_000;
const WAIT_FOR_LOCK_MS = 600_000;
const MINUTE_MS = 60_000;

/** The first build also runs the data tests; a refresh leaves them to a run of `npm run dbt -- build`. */
const FIRST_BUILD: readonly (readonly string[])[] = [['build', '--exclude-resource-type', 'unit_test']];
const REFRESH: readonly (readonly string[])[] = [['run'], ['snapshot']];

interface RefreshContext {
  readonly paths: StackPaths;
  readonly settings: Pick<DevSettings, 'python' | 'pyenvRoot' | 'dbtRefreshMinutes'>;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly warehouse: DbtWarehouse;
}

/**
 * Builds the warehouse of the local stack in the background, and again on a schedule: one run at a time, at the lowest
 * priority. The stream does not depend on it: a machine without a Python 3.13, or without PyPI, gets a message.
 *
 * Failure semantics: a failed run is reported, and the next one starts at its time. A run that is stopped leaves tables of
 * its models old or new, never in part, and the next run continues.
 */
export class WarehouseRefresh {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly context: RefreshContext) {}

  start(): void {
    if (this.context.settings.dbtRefreshMinutes === 0) return;
    this.running = this.runUntilStopped();
  }

  /** Ends a run that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async runUntilStopped(): Promise<void> {
    const { progress, settings } = this.context;
    try {
      await delay(FIRST_AFTER_MS, undefined, this.whileRunning());
      const { dbt } = await prepareDbt({ ...this.context, signal: this.stopping.signal });
      let commands = FIRST_BUILD;
      for (;;) {
        if (await this.build(dbt, commands)) commands = REFRESH;
        await delay(settings.dbtRefreshMinutes * MINUTE_MS, undefined, this.whileRunning());
      }
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      progress.line(`The warehouse is not built: ${reason}\nThe stream does not need it.`);
    }
  }

  private readonly whileRunning = (): { signal: AbortSignal; ref: false } => ({
    signal: this.stopping.signal,
    ref: false,
  });

  /** @returns whether every command succeeded */
  private async build(dbt: string, commands: readonly (readonly string[])[]): Promise<boolean> {
    const { paths, env, progress, warehouse } = this.context;
    const startedAt = performance.now();
    const unlock = await lockDbt(join(paths.home, 'dbt', 'lock'), {
      timeoutMs: WAIT_FOR_LOCK_MS,
      signal: this.stopping.signal,
      onWait: () => undefined,
    });
    try {
      for (const command of commands) {
        const { code } = await runCommand('nice', ['-n', '19', dbt, '--quiet', ...command], {
          // Not the user's environment, which may name another target.
          env: {
            ...dbtEnvironment(paths, warehouse, { run: 'refresh', env: componentEnv(env, paths) }),
            ORDERSTREAM_DBT_THREADS: '1',
          },
          cwd: paths.repository,
          signal: this.stopping.signal,
        });
        this.stopping.signal.throwIfAborted();
        if (code === 0) continue;
        const log = join(paths.home, 'dbt', 'refresh', 'logs', 'dbt.log');
        progress.line(`dbt ${command[0] ?? ''} failed: ${log}. npm run dbt -- build shows why.`);
        return false;
      }
    } finally {
      unlock();
    }
    if (commands === FIRST_BUILD) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      progress.line(
        `The warehouse is built after ${seconds} s: npm run sql -- "select * from orders_daily_agg limit 10"`,
      );
    }
    return true;
  }
}

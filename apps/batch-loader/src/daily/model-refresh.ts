import { setTimeout as delay } from 'node:timers/promises';
import { type Logger } from '@orderstream/observability';
import { type DailyLock, REFRESH } from './daily-lock';
import { type Dbt } from './dbt';
import { DailyBuildError, DailyLockedError } from './errors';

const MS_PER_MINUTE = 60_000;
/** Models and snapshots. The tests are those of the daily run. */
const BUILD = ['build', '--resource-type', 'model', '--resource-type', 'snapshot'];

export interface ModelRefreshOptions {
  readonly dbt: Pick<Dbt, 'run'>;
  readonly lock: Pick<DailyLock, 'acquire'>;
  /** 0: never. */
  readonly everyMinutes: number;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly now?: () => Date;
}

/** What `/admin/daily` shows of it. */
export interface RefreshStatus {
  readonly everyMinutes: number;
  /** Start of the last build that succeeded. RFC 3339 UTC. */
  readonly builtAsOf: string | null;
  /** Of the last build, if it failed. */
  readonly error: string | null;
}

/**
 * Builds the models between the daily runs, so that the marts follow the stream.
 *
 * Failure semantics: a build that fails, is stopped or killed leaves each table old or new, and the next one is at its
 * time. It has the lock of the daily run: it is left out while a daily run has the lock, and a daily run waits for a build.
 */
export class ModelRefresh {
  private builtAsOf: string | null = null;
  private error: string | null = null;

  constructor(private readonly options: ModelRefreshOptions) {}

  status(): RefreshStatus {
    return { everyMinutes: this.options.everyMinutes, builtAsOf: this.builtAsOf, error: this.error };
  }

  /** Builds at its times until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { everyMinutes } = this.options;
    while (everyMinutes > 0) {
      await delay(everyMinutes * MS_PER_MINUTE, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.build(signal);
    }
  }

  /** One build. Never rejects. */
  async build(signal: AbortSignal): Promise<void> {
    const { logger, now = () => new Date() } = this.options;
    try {
      const asOf = await this.locked(signal, now);
      this.builtAsOf = asOf;
      this.error = null;
      logger.info({ asOf }, 'the models are built');
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof DailyLockedError) {
        logger.info({ reason: error.message }, 'a build of the models is left out');
        return;
      }
      this.error = error instanceof Error ? error.message : String(error);
      logger.error({ err: error }, 'the models are not built; the next build is at its time');
    }
  }

  private async locked(signal: AbortSignal, now: () => Date): Promise<string> {
    const { dbt, lock } = this.options;
    const held = await lock.acquire(REFRESH, signal);
    try {
      const asOf = now().toISOString();
      const { code, tail } = await dbt.run(BUILD, AbortSignal.any([signal, held.signal]));
      if (code === 0) return asOf;
      throw new DailyBuildError(`dbt build ended with ${code}. The end of its output:\n${tail}`);
    } finally {
      await held.release();
    }
  }
}

import { createBigQuery } from '@orderstream/bigquery';
import { childEnvironment, ConfigError } from '@orderstream/config';
import { type Logger } from '@orderstream/observability';
import { type Batch } from '../batch';
import { batchLoaderSettings, type BatchLoaderSettings } from '../batch-loader.config';
import { BuildStep } from './build-step';
import { ChecksStep } from './checks-step';
import { DailyJob, type DailyObserver } from './daily-job';
import { DailyLock, REFRESH } from './daily-lock';
import { DailyStore } from './daily-store';
import { Dbt } from './dbt';
import { LoadStep } from './load-step';
import { ModelRefresh } from './model-refresh';
import { FailureAlert } from './reports';

const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60_000;

export interface Daily {
  readonly job: DailyJob;
  readonly runs: DailyStore;
  readonly refresh: ModelRefresh;
  readonly dbt: Dbt;
  readonly lock: DailyLock;
}

/** Composes the daily run. Opens nothing. @throws ConfigError without a command of dbt */
export function createDaily(
  settings: BatchLoaderSettings,
  { store, runner }: Pick<Batch, 'store' | 'runner'>,
  logger: Pick<Logger, 'info' | 'warn' | 'error'>,
  { observers, onLine }: { readonly observers: readonly DailyObserver[]; readonly onLine?: (line: string) => void },
): Daily {
  const { batch, bigquery, daily } = settings;
  if (daily.dbt === undefined) {
    throw new ConfigError(['DAILY_DBT is not set: expected the command of dbt. npm run daily sets it']);
  }
  const runs = new DailyStore(store);
  const leaseMs = batch.leaseSeconds * MS_PER_SECOND;
  const lock = new DailyLock(store, leaseMs, Date.now, (holder) => {
    const what = holder === REFRESH ? 'a command of dbt' : `the end of the lease of ${holder}`;
    logger.info({ holder }, `waits for ${what}`);
    onLine?.(`Waits for ${what}.`);
  });
  const dbt = new Dbt({
    command: daily.dbt.split(' '),
    env: childEnvironment(batchLoaderSettings, dbtVariables(bigquery)),
    timeoutMs: daily.buildTimeoutMinutes * MS_PER_MINUTE,
    ...(onLine !== undefined && { onLine }),
  });
  const job = new DailyJob({
    runs,
    lock,
    steps: [
      new LoadStep(runner, leaseMs),
      new BuildStep(dbt),
      new ChecksStep(createBigQuery(bigquery), bigquery.dataset),
    ],
    retries: batch.retries,
    retryPauseMs: batch.retryPauseMs,
    logger,
    observers: [...(daily.webhookUrl === undefined ? [] : [new FailureAlert(daily.webhookUrl, logger)]), ...observers],
  });
  return { job, runs, dbt, lock, refresh: new ModelRefresh({ dbt, lock, everyMinutes: daily.refreshMinutes, logger }) };
}

/** dbt builds in the warehouse that the batch loads into. */
function dbtVariables({ project, dataset, location, apiEndpoint }: BatchLoaderSettings['bigquery']): NodeJS.ProcessEnv {
  const common = { DBT_SEND_ANONYMOUS_USAGE_STATS: 'false', DBT_VERSION_CHECK: 'false', PYTHONDONTWRITEBYTECODE: '1' };
  if (apiEndpoint?.startsWith('http:') === true) {
    return {
      ...common,
      DBT_TARGET: 'local',
      ORDERSTREAM_DBT_API_ENDPOINT: apiEndpoint,
      ORDERSTREAM_DBT_PROJECT: project,
      ORDERSTREAM_DBT_DATASET: dataset,
      METADATA_SERVER_DETECTION: 'none',
    };
  }
  return {
    ...common,
    DBT_TARGET: 'google',
    BIGQUERY_PROJECT: project,
    BIGQUERY_DATASET: dataset,
    BIGQUERY_LOCATION: location,
  };
}

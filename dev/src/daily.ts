import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { batchEnvironment, needsWarehouse } from './batch/batch-environment';
import { runBatchLoader } from './batch/run-batch-loader';
import { prepareDbt } from './dbt/prepare-dbt';
import { devSettings } from './dev.config';
import { repositoryRoot, stackPaths } from './paths';
import { runAsCommand } from './process/command';
import { type StopSignals } from './process/stop-signals';
import { createProgress } from './progress';

const DBT = 'dist/dev/src/dbt.js';

/**
 * `npm run daily`: the daily run of the batch loader in the warehouse of the running stack; with DBT_TARGET=google, in that of
 * the user's own settings. dbt is the one of `npm run dbt`, which waits for a build in the background.
 */
async function runDaily(args: readonly string[], env: NodeJS.ProcessEnv, stop: StopSignals): Promise<number> {
  const settings = loadSettings(devSettings, env);
  const paths = stackPaths(repositoryRoot(), settings.home);
  const own = batchEnvironment(paths, 'daily', args, env);
  // Before the load, so that a machine that cannot run dbt says so at once.
  if (needsWarehouse('daily', args)) {
    await prepareDbt({ paths, settings, env, progress: createProgress(process.stderr), signal: stop.signal });
  }
  const dbtEnv = {
    DAILY_DBT: `${process.execPath} ${join(paths.repository, DBT)}`,
    DBT_TARGET_PATH: join(paths.home, 'dbt', 'daily', 'target'),
    DBT_LOG_PATH: join(paths.home, 'dbt', 'daily', 'logs'),
  };
  return runBatchLoader(paths, ['daily', ...args], { ...dbtEnv, ...own }, stop);
}

void runAsCommand((stop) => runDaily(process.argv.slice(2), process.env, stop));

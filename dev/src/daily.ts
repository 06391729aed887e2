import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { prepareDbt } from './dbt/prepare-dbt';
import { devSettings } from './dev.config';
import { EXIT, exitCodeOf } from './errors';
import { repositoryRoot, type StackPaths, stackPaths } from './paths';
import { StopSignals } from './process/stop-signals';
import { createProgress } from './progress';
import { readStackFile } from './stack/stack-file';

const BATCH_LOADER = 'dist/apps/batch-loader/src/main.js';
const DBT = 'dist/dev/src/dbt.js';

/**
 * `npm run daily`: the daily run of the batch loader in the warehouse of the running stack; with DBT_TARGET=google, in that of
 * the user's own settings. dbt is the one of `npm run dbt`, which waits for a build in the background.
 */
async function runDaily(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const stop = new StopSignals();
  const settings = loadSettings(devSettings, env);
  const paths = stackPaths(repositoryRoot(), settings.home);
  const isRun = !args.includes('--help') && args[0] !== 'list';
  const isLocal = (env.DBT_TARGET ?? 'local') === 'local' && env.BIGQUERY_API_ENDPOINT === undefined;
  const warehouse = isLocal && isRun ? warehouseOf(paths) : {};
  // Before the load, so that a machine that cannot run dbt says so at once.
  if (isRun) {
    await prepareDbt({ paths, settings, env, progress: createProgress(process.stderr), signal: stop.signal });
  }
  const child = spawn(process.execPath, [join(paths.repository, BATCH_LOADER), 'daily', ...args], {
    cwd: paths.repository,
    stdio: 'inherit',
    env: {
      DAILY_DBT: `${process.execPath} ${join(paths.repository, DBT)}`,
      DBT_TARGET_PATH: join(paths.home, 'dbt', 'daily', 'target'),
      DBT_LOG_PATH: join(paths.home, 'dbt', 'daily', 'logs'),
      BATCH_STORE: join(paths.home, 'batch'),
      BATCH_SCRATCH_DIR: join(paths.home, 'batch-scratch'),
      ...env,
      ...warehouse,
    },
  });
  return new Promise((resolve, reject) => {
    // Ctrl-C in a terminal reaches it by itself; a second signal does no harm.
    stop.signal.addEventListener('abort', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(stop.exitCode ?? (signal === null ? (code ?? EXIT.notAccountedFor) : 128 + constants.signals[signal]));
    });
  });
}

function warehouseOf(paths: StackPaths): NodeJS.ProcessEnv {
  const { bigquery } = readStackFile(paths.stackFile);
  return {
    BIGQUERY_PROJECT: bigquery.projectId,
    BIGQUERY_DATASET: bigquery.dataset,
    BIGQUERY_API_ENDPOINT: bigquery.apiEndpoint,
    BIGQUERY_GRPC_ENDPOINT: bigquery.grpcEndpoint,
    METADATA_SERVER_DETECTION: 'none',
  };
}

runDaily(process.argv.slice(2), process.env).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);

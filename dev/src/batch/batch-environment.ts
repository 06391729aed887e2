import { existsSync } from 'node:fs';
import { UsageError } from '../errors';
import { type StackPaths } from '../paths';
import { batchShare, batchShareEnv } from '../stack/batch-share';
import { readStackFile, type StackFile } from '../stack/stack-file';

const LOCAL_TARGET = 'local';
/** Options and commands that need no warehouse: they read the runs, or load nothing. */
const OFFLINE = [['--dry-run'], ['--help'], ['runs', 'list'], ['runs', 'show'], ['list']] as const;

/** Variables that name another warehouse than that of the local stack. */
const isElsewhere = ({
  BIGQUERY_PROJECT: project,
  BIGQUERY_API_ENDPOINT: endpoint,
  DBT_TARGET: target,
}: NodeJS.ProcessEnv) => project !== undefined || endpoint !== undefined || (target ?? LOCAL_TARGET) !== LOCAL_TARGET;

/** Whether a command of the batch loader writes to a warehouse. */
export const needsWarehouse = (args: readonly string[]): boolean =>
  !OFFLINE.some((words) =>
    words.every((word, index) => (word.startsWith('--') ? args.includes(word) : args[index] === word)),
  );

/**
 * The environment of a command of the batch loader in a terminal. It loads into the warehouse of the running stack, and shares
 * runs, locks, the generator's journal and its seed with the stack's own batch loader: a run of one is seen by the other, two
 * never replace the same days at once, and the days of the stream get its orders. If the variables name another warehouse
 * (BIGQUERY_PROJECT, BIGQUERY_API_ENDPOINT or DBT_TARGET), they are used as they are.
 *
 * @throws UsageError if the command needs the stack, and none is running
 */
export function batchEnvironment(
  paths: Pick<StackPaths, 'data' | 'ledger' | 'stackFile'>,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  if (isElsewhere(env)) return env;
  if (!needsWarehouse(args) && !existsSync(paths.stackFile)) return { ...env, ...batchShareEnv(batchShare(paths)) };
  const { batch, bigquery } = readStackFile(paths.stackFile);
  return { ...env, ...batchShareEnv(batch), ...warehouseEnv(bigquery) };
}

/** @throws UsageError if dbt would build another warehouse than the one that the batch is loaded into */
export function checkDbtTarget(env: NodeJS.ProcessEnv): void {
  const { DBT_TARGET, DBT_PROFILES_DIR, ORDERSTREAM_DBT_API_ENDPOINT } = env;
  const isStacks = (DBT_TARGET ?? LOCAL_TARGET) === LOCAL_TARGET && DBT_PROFILES_DIR === undefined;
  if (!isElsewhere(env) || !isStacks || ORDERSTREAM_DBT_API_ENDPOINT !== undefined) return;
  throw new UsageError(
    'BIGQUERY_PROJECT or BIGQUERY_API_ENDPOINT is set, and DBT_TARGET is local: the orders would be loaded into that ' +
      'warehouse, and dbt would build the one of the local stack. Set DBT_TARGET=google, or unset both.',
  );
}

const warehouseEnv = ({ apiEndpoint, grpcEndpoint, projectId, dataset }: StackFile['bigquery']): NodeJS.ProcessEnv => ({
  BIGQUERY_PROJECT: projectId,
  BIGQUERY_DATASET: dataset,
  BIGQUERY_API_ENDPOINT: apiEndpoint,
  BIGQUERY_GRPC_ENDPOINT: grpcEndpoint,
  METADATA_SERVER_DETECTION: 'none',
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type StackPaths } from '../paths';
import { batchShare, batchShareEnv } from '../stack/batch-share';
import { readStackFile, type StackFile } from '../stack/stack-file';

export type BatchProgram = 'batch' | 'daily';

const LOCAL_TARGET = 'local';
/** Options without a value. */
const FLAGS: ReadonlySet<string> = new Set(['--dry-run', '--help']);
/** Commands that only read the runs. */
const READS: Readonly<Record<BatchProgram, RegExp>> = { batch: /^runs (list|show)( |$)/, daily: /^list$/ };

const isSet = (text: string | undefined): text is string => text !== undefined && text !== '';

/** Whether the variables name another warehouse than that of the local stack. */
function isElsewhere({ BIGQUERY_PROJECT, BIGQUERY_API_ENDPOINT, DBT_TARGET }: NodeJS.ProcessEnv): boolean {
  return isSet(BIGQUERY_PROJECT) || isSet(BIGQUERY_API_ENDPOINT) || (isSet(DBT_TARGET) && DBT_TARGET !== LOCAL_TARGET);
}

/** Whether a command of the batch loader writes to a warehouse. */
export function needsWarehouse(program: BatchProgram, args: readonly string[]): boolean {
  if (args.includes('--help') || READS[program].test(wordsOf(args).join(' '))) return false;
  return program === 'daily' || (args.length > 0 && !args.includes('--dry-run'));
}

/**
 * The environment of a command of the batch loader in a terminal. It loads into the warehouse of the running stack, and shares
 * runs, locks, the generator's journal and its seed with the stack's own batch loader: a run of one is seen by the other, two
 * never replace the same days at once, and the days of the stream get its orders. If the variables name another warehouse
 * (BIGQUERY_PROJECT, BIGQUERY_API_ENDPOINT or DBT_TARGET), they are used as they are; so they are by a command that needs no
 * warehouse.
 *
 * @throws UsageError if the command needs the stack, and none is running
 */
export function batchEnvironment(
  paths: Pick<StackPaths, 'home' | 'data' | 'ledger' | 'stackFile'>,
  program: BatchProgram,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  if (isElsewhere(env)) {
    const folder = join(paths.home, 'batch');
    return { BATCH_STORE: folder, BATCH_SCRATCH_DIR: `${folder}-scratch`, ...env };
  }
  if (!needsWarehouse(program, args)) {
    const share = existsSync(paths.stackFile) ? readStackFile(paths.stackFile).batch : batchShare(paths);
    return { ...batchShareEnv(share), ...env };
  }
  const { batch, bigquery } = readStackFile(paths.stackFile);
  const { BATCH_SCRATCH_DIR } = env;
  return {
    ...env,
    ...batchShareEnv(batch),
    // How large it must be depends on the run.
    ...(isSet(BATCH_SCRATCH_DIR) && { BATCH_SCRATCH_DIR }),
    ...warehouseEnv(bigquery),
  };
}

const wordsOf = (args: readonly string[]): string[] =>
  args.filter((arg, index) => {
    const before = args[index - 1] ?? '';
    const isValue = before.startsWith('--') && !before.includes('=') && !FLAGS.has(before);
    return !arg.startsWith('-') && !isValue;
  });

const warehouseEnv = ({ apiEndpoint, grpcEndpoint, projectId, dataset }: StackFile['bigquery']): NodeJS.ProcessEnv => ({
  BIGQUERY_PROJECT: projectId,
  BIGQUERY_DATASET: dataset,
  BIGQUERY_API_ENDPOINT: apiEndpoint,
  BIGQUERY_GRPC_ENDPOINT: grpcEndpoint,
  METADATA_SERVER_DETECTION: 'none',
});

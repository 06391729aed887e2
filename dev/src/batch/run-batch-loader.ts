import { join } from 'node:path';
import { type StackPaths } from '../paths';
import { runInForeground } from '../process/foreground';
import { type StopSignals } from '../process/stop-signals';

const BATCH_LOADER = 'dist/apps/batch-loader/src/main.js';

/** Runs a command of the batch loader in this terminal. @returns its exit code */
export function runBatchLoader(
  { repository }: Pick<StackPaths, 'repository'>,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stop: StopSignals,
): Promise<number> {
  return runInForeground(process.execPath, [join(repository, BATCH_LOADER), ...args], { cwd: repository, env, stop });
}

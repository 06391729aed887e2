import { loadSettings } from '@orderstream/config';
import { batchEnvironment } from './batch/batch-environment';
import { runBatchLoader } from './batch/run-batch-loader';
import { devSettings } from './dev.config';
import { UsageError } from './errors';
import { repositoryRoot, stackPaths } from './paths';
import { runAsCommand } from './process/command';
import { type StopSignals } from './process/stop-signals';

/** `npm run batch`: a command of the batch loader in the warehouse of the running stack, or in that of the user's own settings. */
async function runBatch(args: readonly string[], env: NodeJS.ProcessEnv, stop: StopSignals): Promise<number> {
  const paths = stackPaths(repositoryRoot(), loadSettings(devSettings, env).home);
  if (args[0] === 'serve') {
    throw new UsageError('The service is a program of its own: node dist/apps/batch-loader/src/main.js serve');
  }
  return runBatchLoader(paths, args, batchEnvironment(paths, 'batch', args, env), stop);
}

void runAsCommand((stop) => runBatch(process.argv.slice(2), process.env, stop));

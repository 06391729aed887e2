import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { parseDbtArguments } from './dbt/dbt-arguments';
import { dbtEnvironment } from './dbt/dbt-environment';
import { lockDbt } from './dbt/dbt-lock';
import { prepareDbt } from './dbt/prepare-dbt';
import { devSettings } from './dev.config';
import { repositoryRoot, stackPaths } from './paths';
import { runAsCommand } from './process/command';
import { runInForeground } from './process/foreground';
import { type StopSignals } from './process/stop-signals';
import { createProgress } from './progress';
import { readStackFile } from './stack/stack-file';

/** A build of the local warehouse takes less. */
const WAIT_FOR_BUILD_MS = 300_000;

/**
 * `npm run dbt`: runs dbt with the profile of the running local stack, or with the target or profile that the arguments
 * name. `lint` and `fix` run sqlfluff on the project.
 */
async function runDbt(args: readonly string[], stop: StopSignals): Promise<number> {
  const settings = loadSettings(devSettings, process.env);
  const paths = stackPaths(repositoryRoot(), settings.home);
  const progress = createProgress(process.stderr);
  const { needsStack, writes, lint } = parseDbtArguments(args, process.env);
  const warehouse = needsStack ? readStackFile(paths.stackFile).bigquery : undefined;
  const { dbt, sqlfluff } = await prepareDbt({ paths, settings, env: process.env, progress, signal: stop.signal });
  const env = dbtEnvironment(paths, warehouse, { run: 'command', env: process.env });
  const project = join(paths.repository, 'dbt');
  if (lint !== undefined) return runInForeground(sqlfluff, [lint, ...args.slice(1), '.'], { cwd: project, env, stop });
  const unlock = writes
    ? await lockDbt(join(paths.home, 'dbt', 'lock'), {
        timeoutMs: WAIT_FOR_BUILD_MS,
        signal: stop.signal,
        onWait: (pid) => progress.line(`Waiting for process ${String(pid)}, which builds the warehouse.`),
      })
    : undefined;
  try {
    return await runInForeground(dbt, args, { cwd: paths.repository, env, stop });
  } finally {
    unlock?.();
  }
}

void runAsCommand((stop) => runDbt(process.argv.slice(2), stop));

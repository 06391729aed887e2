import { join } from 'node:path';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { type DevSettings } from '../dev.config';
import { PrerequisiteError, UsageError } from '../errors';
import { install, installationFolder, isInstalled } from '../install/installer';
import { dbtInstallation, pythonProgram } from '../install/python-installation';
import { findPython } from '../install/python';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';

/** Programs of the dbt environment. */
export interface DbtPrograms {
  readonly dbt: string;
  readonly sqlfluff: string;
}

/**
 * Installs dbt at its first use, in an environment of its own.
 *
 * @throws PrerequisiteError when there is no Python 3.13 to install it with
 * @throws InstallError when the installation fails
 * @throws UsageError when another process is installing it
 */
export async function prepareDbt(context: {
  readonly paths: Pick<StackPaths, 'repository' | 'installed'>;
  readonly settings: Pick<DevSettings, 'python' | 'pyenvRoot'>;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Installs at the lowest priority. */
  readonly isInBackground?: boolean;
}): Promise<DbtPrograms> {
  const { paths, settings, env, progress, signal, isInBackground } = context;
  const installation = dbtInstallation({ repository: paths.repository, env, signal, isInBackground });
  const folder = installationFolder(paths.installed, installation);
  if (!isInstalled(folder)) {
    const python = await findPython(settings.python, settings.pyenvRoot, env);
    if ('problem' in python) throw new PrerequisiteError([python.problem]);
    const unlock = lockInstallation(join(paths.installed, 'dbt.lock'));
    try {
      await progress.step('dbt from PyPI (140 MB), once', (note) =>
        install(paths.installed, installation, { note, python: python.path }),
      );
    } finally {
      unlock();
    }
  }
  return { dbt: pythonProgram(folder, 'dbt'), sqlfluff: pythonProgram(folder, 'sqlfluff') };
}

function lockInstallation(path: string): () => void {
  try {
    return acquireLock(path);
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new UsageError(`Process ${String(error.pid)} is installing dbt. Try again when it is done.`, error);
  }
}

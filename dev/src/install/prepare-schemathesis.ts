import { join } from 'node:path';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { type DevSettings } from '../dev.config';
import { PrerequisiteError, UsageError } from '../errors';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { install, installationFolder, isInstalled } from './installer';
import { findPython } from './python';
import { pythonProgram, schemathesisInstallation } from './python-installation';

/**
 * Installs schemathesis at its first use, in an environment of its own.
 *
 * @returns the path of the program
 * @throws PrerequisiteError when there is no Python 3.13 to install it with; InstallError, of which PyPI out of
 * reach is one; UsageError when another process is installing it
 */
export async function prepareSchemathesis(context: {
  readonly paths: Pick<StackPaths, 'repository' | 'installed'>;
  readonly settings: Pick<DevSettings, 'python' | 'pyenvRoot'>;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { paths, settings, env, progress, signal } = context;
  const installation = schemathesisInstallation({ repository: paths.repository, env, signal });
  const folder = installationFolder(paths.installed, installation);
  if (!isInstalled(folder)) {
    const python = await findPython(settings.python, settings.pyenvRoot, env);
    if ('problem' in python) throw new PrerequisiteError([python.problem]);
    const unlock = lockInstallation(join(paths.installed, 'schemathesis.lock'));
    try {
      await progress.step('schemathesis from PyPI, once', (note) =>
        install(paths.installed, installation, { note, python: python.path }),
      );
    } finally {
      unlock();
    }
  }
  return pythonProgram(folder, 'st');
}

function lockInstallation(path: string): () => void {
  try {
    return acquireLock(path);
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new UsageError(`Process ${String(error.pid)} is installing schemathesis. Try again when it is done.`, error);
  }
}

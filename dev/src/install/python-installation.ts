import { join } from 'node:path';
import { InstallError } from '../errors';
import { type Installation } from './installer';
import { lastLines } from './kafka-installation';
import { runCommand } from './run-command';

/**
 * The Python environment of the BigQuery emulator (510 MB). Every package is pinned by its hash. pip would take
 * minutes, so it only installs uv, also pinned by its hash, and uv installs the rest within seconds.
 */
export function bigqueryInstallation(options: {
  readonly repository: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}): Installation {
  const pathOf = (file: string): string => join(options.repository, 'dev', 'bigquery', file);
  const requirements = pathOf('requirements.txt');
  const uvRequirements = pathOf('uv-requirements.txt');
  // Without these variables pyenv or an active environment cannot make uv use another interpreter.
  const env: NodeJS.ProcessEnv = { ...options.env, UV_PYTHON_DOWNLOADS: 'never', UV_NO_CONFIG: '1' };
  delete env.PYENV_VERSION;
  delete env.VIRTUAL_ENV;
  delete env.PYTHONHOME;
  delete env.PYTHONPATH;

  const run = async (note: (text: string) => void, command: string, ...args: string[]): Promise<void> => {
    const { code, output } = await runCommand(command, args, { env, signal: options.signal, onLine: note });
    if (code !== 0) throw new InstallError('the BigQuery emulator', lastLines(output));
  };

  return {
    name: 'bigquery',
    definedBy: [requirements, uvRequirements],
    async install(folder, { note, python }) {
      if (python === undefined) throw new TypeError('the BigQuery emulator cannot be installed without a Python');
      const installer = join(folder, 'installer');
      const environment = join(folder, 'environment');
      await run(note, python, '-I', '-m', 'venv', installer);
      await run(
        note,
        join(installer, 'bin', 'python'),
        '-m',
        'pip',
        'install',
        '--disable-pip-version-check',
        '--require-hashes',
        '--requirement',
        uvRequirements,
      );
      const uv = join(installer, 'bin', 'uv');
      await run(note, uv, 'venv', '--python', python, environment);
      await run(
        note,
        uv,
        'pip',
        'install',
        '--python',
        join(environment, 'bin', 'python'),
        '--require-hashes',
        '--requirement',
        requirements,
      );
    },
  };
}

export const bigqueryPython = (folder: string): string => join(folder, 'environment', 'bin', 'python');

import { join } from 'node:path';
import { InstallError } from '../errors';
import { type Installation } from './installer';
import { lastLines } from './kafka-installation';
import { runCommand } from './run-command';

interface InstallationContext {
  readonly repository: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Installs at the lowest priority. */
  readonly isInBackground?: boolean | undefined;
}

/** The Python environment of the BigQuery emulator (510 MB). */
export const bigqueryInstallation = (context: InstallationContext): Installation =>
  pythonInstallation('bigquery', 'the BigQuery emulator', 'requirements.txt', context);

/** The Python environment of dbt and of its linter (570 MB). */
export const dbtInstallation = (context: InstallationContext): Installation =>
  pythonInstallation('dbt', 'dbt', 'dbt-requirements.txt', context);

/** The Python environment of schemathesis, which tests the services against their OpenAPI documents. */
export const schemathesisInstallation = (context: InstallationContext): Installation =>
  pythonInstallation('schemathesis', 'schemathesis from PyPI', 'schemathesis-requirements.txt', context);

/** The Python environment of Mage (1.4 GB), on Python 3.11. */
export const mageInstallation = (context: InstallationContext): Installation =>
  pythonInstallation('mage', 'Mage', 'mage-requirements.txt', context);

/** A program in the environment of an installation. */
export const pythonProgram = (folder: string, program: string): string => join(folder, 'environment', 'bin', program);

/**
 * A Python environment with every package pinned by its hash. pip would take minutes, so it only installs uv, also
 * pinned by its hash, and uv installs the rest within seconds.
 */
function pythonInstallation(
  name: string,
  title: string,
  requirementsFile: string,
  { repository, env: userEnv, signal, isInBackground = false }: InstallationContext,
): Installation {
  const pathOf = (file: string): string => join(repository, 'dev', 'bigquery', file);
  const requirements = pathOf(requirementsFile);
  const uvRequirements = pathOf('uv-requirements.txt');
  // Without these variables pyenv or an active environment cannot make uv use another interpreter.
  const env: NodeJS.ProcessEnv = { ...userEnv, UV_PYTHON_DOWNLOADS: 'never', UV_NO_CONFIG: '1' };
  delete env.PYENV_VERSION;
  delete env.VIRTUAL_ENV;
  delete env.PYTHONHOME;
  delete env.PYTHONPATH;

  const run = async (note: (text: string) => void, command: string, ...args: string[]): Promise<void> => {
    const [program = command, ...rest] = [...(isInBackground ? ['nice', '-n', '19'] : []), command, ...args];
    const { code, output } = await runCommand(program, rest, { env, signal, onLine: note });
    if (code !== 0) throw new InstallError(title, lastLines(output));
  };

  return {
    name,
    definedBy: [requirements, uvRequirements],
    async install(folder, { note, python }) {
      if (python === undefined) throw new TypeError(`${title} cannot be installed without a Python`);
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

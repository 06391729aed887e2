import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Found } from './java';
import { runCommand } from './run-command';

/** The BigQuery emulator and dbt run on the first, Mage on the second. */
export type PythonVersion = '3.13' | '3.11';

const USE: Readonly<Record<PythonVersion, string>> = { '3.13': 'the BigQuery emulator', '3.11': 'Mage' };

const howToGet = (version: PythonVersion): string =>
  `Python ${version} with venv (runs ${USE[version]}): \`uv python install ${version}\`, \`pyenv install ${version}\`, \`brew install python@${version}\` or https://www.python.org/downloads; ${VARIABLE[version]} may name the interpreter`;

const VARIABLE: Readonly<Record<PythonVersion, string>> = {
  '3.13': 'ORDERSTREAM_PYTHON',
  '3.11': 'ORDERSTREAM_MAGE_PYTHON',
};

const WHICH_PYTHON = 'import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1], sys.executable)';

/**
 * Finds a Python and returns the path of the interpreter itself. `python3.13` on the PATH may be a shim of pyenv,
 * which fails unless pyenv selects that version; the interpreter in the folder of pyenv always runs.
 */
export async function findPython(
  configured: string | undefined,
  pyenvRoot: string | undefined,
  env: NodeJS.ProcessEnv,
  version: PythonVersion = '3.13',
): Promise<Found> {
  const candidates =
    configured === undefined
      ? [
          `python${version}`,
          ...interpretersIn(join(pyenvRoot ?? join(homedir(), '.pyenv'), 'versions'), '', version),
          ...interpretersIn(join(homedir(), '.local', 'share', 'uv', 'python'), 'cpython-', version),
          'python3',
        ]
      : [configured];
  const answer = new RegExp(`^${version.replace('.', ' ')} (.+)$`, 'm');
  for (const candidate of candidates) {
    const { code, output } = await runCommand(candidate, ['-I', '-c', WHICH_PYTHON], { env });
    const match = answer.exec(output);
    if (code === 0 && match?.[1] !== undefined) return { path: match[1] };
  }
  const problem = howToGet(version);
  return { problem: configured === undefined ? problem : `${problem} (it names another program or version)` };
}

/** Newest first. */
function interpretersIn(folder: string, prefix: string, version: PythonVersion): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((entry) => entry.startsWith(`${prefix}${version}.`))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((entry) => join(folder, entry, 'bin', `python${version}`));
}

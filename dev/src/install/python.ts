import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Found } from './java';
import { runCommand } from './run-command';

const HOW_TO_GET_PYTHON =
  'Python 3.13 with venv (runs the BigQuery emulator): `uv python install 3.13`, `pyenv install 3.13`, `brew install python@3.13` or https://www.python.org/downloads; ORDERSTREAM_PYTHON may name the interpreter';

const WHICH_PYTHON = 'import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1], sys.executable)';

/**
 * Finds a Python 3.13 and returns the path of the interpreter itself. `python3.13` on the PATH may be a shim of pyenv,
 * which fails unless pyenv selects that version; the interpreter in the folder of pyenv always runs.
 */
export async function findPython(
  configured: string | undefined,
  pyenvRoot: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Found> {
  const candidates =
    configured === undefined
      ? ['python3.13', ...pyenvInterpreters(pyenvRoot ?? join(homedir(), '.pyenv')), ...uvInterpreters(), 'python3']
      : [configured];
  for (const candidate of candidates) {
    const { code, output } = await runCommand(candidate, ['-I', '-c', WHICH_PYTHON], { env });
    const match = /^3 13 (.+)$/m.exec(output);
    if (code === 0 && match?.[1] !== undefined) return { path: match[1] };
  }
  return {
    problem:
      configured === undefined ? HOW_TO_GET_PYTHON : `${HOW_TO_GET_PYTHON} (it names another program or version)`,
  };
}

function pyenvInterpreters(root: string): string[] {
  return interpretersIn(join(root, 'versions'), /^3\.13\./);
}

function uvInterpreters(): string[] {
  return interpretersIn(join(homedir(), '.local', 'share', 'uv', 'python'), /^cpython-3\.13\./);
}

/** Newest first. */
function interpretersIn(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((entry) => name.test(entry))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((entry) => join(folder, entry, 'bin', 'python3.13'));
}

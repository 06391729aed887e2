import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Where everything of one local stack lies. */
export interface StackPaths {
  readonly repository: string;
  /** `.local`, or what ORDERSTREAM_HOME says. */
  readonly home: string;
  /** Downloads, shared by all homes of this repository. */
  readonly installed: string;
  readonly data: string;
  readonly logs: string;
  /** One file per running process, by which the next runner finds what this one left behind. */
  readonly run: string;
  readonly lock: string;
  readonly stackFile: string;
  readonly tokensFile: string;
}

/** The folder of the repository: the nearest one above this file that holds `nest-cli.json`. */
export function repositoryRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'nest-cli.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no nest-cli.json above ${__dirname}`);
    folder = parent;
  }
  return folder;
}

export function stackPaths(repository: string, home?: string): StackPaths {
  const local = join(repository, '.local');
  const base = home === undefined ? local : resolve(home);
  return {
    repository,
    home: base,
    installed: join(local, 'installed'),
    data: join(base, 'data'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    lock: join(base, 'lock'),
    stackFile: join(base, 'stack.json'),
    tokensFile: join(base, 'admin-tokens.json'),
  };
}

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Paths of one local stack. */
export interface StackPaths {
  readonly repository: string;
  /** `.local` in the repository, or ORDERSTREAM_HOME. */
  readonly home: string;
  /** Kafka and the BigQuery emulator, shared by all homes of this repository. */
  readonly installed: string;
  readonly data: string;
  /** The generator's journal. */
  readonly ledger: string;
  readonly logs: string;
  /** One file per running process, with its pid. The next runner finds orphans by these files. */
  readonly run: string;
  readonly lock: string;
  readonly stackFile: string;
  readonly tokensFile: string;
}

/** The folder of the repository: the nearest parent folder with a `nest-cli.json`. */
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
    ledger: join(base, 'data', 'ledger'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    lock: join(base, 'lock'),
    stackFile: join(base, 'stack.json'),
    tokensFile: join(base, 'admin-tokens.json'),
  };
}

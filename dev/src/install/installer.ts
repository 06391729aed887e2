import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COMPLETE = '.complete';

/** Something that the local stack downloads for itself, once. */
export interface Installation {
  readonly name: string;
  /** The files that say what it is made of: when one changes, it is installed anew. */
  readonly definedBy: readonly string[];
  /** Puts everything into the folder, which is empty. */
  install(folder: string, tools: InstallTools): Promise<void>;
}

export interface InstallTools {
  /** Says what is being done just now. */
  readonly note: (text: string) => void;
  /** Path of a Python 3.13, where one is needed. */
  readonly python?: string;
}

/** Where the installation is once it is complete: a folder of its own for each content of its defining files. */
export function installationFolder(installed: string, { name, definedBy }: Installation): string {
  const hash = createHash('sha256');
  for (const file of definedBy) hash.update(readFileSync(file));
  return join(installed, `${name}-${hash.digest('hex').slice(0, 12)}`);
}

export const isInstalled = (folder: string): boolean => existsSync(join(folder, COMPLETE));

/**
 * Installs what is not there. An installation that was cut short has no mark and begins anew; older ones of the same name
 * are removed once the new one is complete.
 */
export async function install(installed: string, installation: Installation, tools: InstallTools): Promise<string> {
  const folder = installationFolder(installed, installation);
  if (isInstalled(folder)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await installation.install(folder, tools);
  writeFileSync(join(folder, COMPLETE), '');
  for (const entry of readdirSync(installed)) {
    const path = join(installed, entry);
    if (path !== folder && /^(.+)-[0-9a-f]{12}$/.exec(entry)?.[1] === installation.name) {
      rmSync(path, { recursive: true, force: true });
    }
  }
  return folder;
}

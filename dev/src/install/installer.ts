import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COMPLETE = '.complete';

/** A download of the local stack. */
export interface Installation {
  readonly name: string;
  /** Files that define its content. A change of one installs it again. */
  readonly definedBy: readonly string[];
  /** Installs into the folder, which is empty. */
  install(folder: string, tools: InstallTools): Promise<void>;
}

export interface InstallTools {
  /** Reports the current step. */
  readonly note: (text: string) => void;
  /** Path of a Python 3.13, for installations that need one. */
  readonly python?: string;
}

/** The folder of the installation: one for each content of its defining files. */
export function installationFolder(installed: string, { name, definedBy }: Installation): string {
  const hash = createHash('sha256');
  for (const file of definedBy) hash.update(readFileSync(file));
  return join(installed, `${name}-${hash.digest('hex').slice(0, 12)}`);
}

export const isInstalled = (folder: string): boolean => existsSync(join(folder, COMPLETE));

/**
 * Installs what is missing and returns its folder. An interrupted installation has no `.complete` file and starts
 * again. Older versions are removed after the new one is complete.
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

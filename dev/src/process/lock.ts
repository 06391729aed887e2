import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LockedError } from '../errors';
import { identify, isRunning, type ProcessIdentity } from './process-identity';

/**
 * One runner per folder. The lock is a file that names its holder; it is made by a link, which either creates it whole or
 * fails. A holder that is gone (killed) loses it: the file is moved aside by the one who finds it so, and a rename succeeds
 * for one finder only.
 *
 * @returns a function that lets go
 * @throws LockedError when a living process holds it
 */
export function acquireLock(path: string): () => void {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('this process cannot be identified');
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${String(self.pid)}`;
  writeFileSync(mine, JSON.stringify(self));
  try {
    for (;;) {
      if (tryLink(mine, path)) break;
      const holder = readHolder(path);
      if (holder !== undefined && isRunning(holder)) throw new LockedError(dirname(path), holder.pid);
      const aside = `${mine}.stale`;
      if (!tryRename(path, aside)) continue;
      // Between the read and the rename another runner may have taken the lock: then it is given back.
      const moved = readHolder(aside);
      if (moved !== undefined && isRunning(moved)) renameSync(aside, path);
      else rmSync(aside, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => {
    if (readHolder(path)?.pid === self.pid) rmSync(path, { force: true });
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function errnoOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LockHeldError } from './lock-held-error';
import { identify, isRunning, type ProcessIdentity } from './process-identity';

/**
 * A lock between processes: a file that names its holder. A link creates it, which either makes the whole file or fails. The
 * lock of a holder that no longer runs is taken over: it is renamed first, and a rename succeeds for one process only.
 *
 * @returns a function that releases the lock
 * @throws LockHeldError when a running process holds it
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
      if (holder !== undefined && isRunning(holder)) throw new LockHeldError(path, holder.pid);
      const aside = `${mine}.stale`;
      if (!tryRename(path, aside)) continue;
      // Another process may have taken the lock between the read and the rename. Then it is moved back.
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

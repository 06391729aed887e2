import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LockHeldError } from './lock-held-error';
import { identify, isRunning, type ProcessIdentity } from './process-identity';

/**
 * Acquires a lock between processes: a file with the identity of its holder. The file is created by a link, which is
 * atomic. The lock of a holder that no longer runs is taken over: it is renamed first, which succeeds for one process
 * only.
 *
 * @returns a function that releases the lock
 * @throws LockHeldError when a running process holds it
 */
export function acquireLock(path: string): () => void {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('The start time of this process cannot be read from /proc or ps');
  mkdirSync(dirname(path), { recursive: true });
  const ownFile = `${path}.${String(self.pid)}`;
  writeFileSync(ownFile, JSON.stringify(self));
  try {
    for (;;) {
      if (tryLink(ownFile, path)) break;
      const holder = readHolder(path);
      if (holder !== undefined && isRunning(holder)) throw new LockHeldError(path, holder.pid);
      const staleFile = `${ownFile}.stale`;
      if (!tryRename(path, staleFile)) continue;
      // If another process took the lock between the read and the rename, its file is moved back.
      const moved = readHolder(staleFile);
      if (moved !== undefined && isRunning(moved)) renameSync(staleFile, path);
      else rmSync(staleFile, { force: true });
    }
  } finally {
    rmSync(ownFile, { force: true });
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

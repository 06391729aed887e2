import { dirname } from 'node:path';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { LockedError } from '../errors';

/**
 * Locks a home folder, so that it has one runner at a time.
 *
 * @param path the lock file in the home folder
 * @returns a function that releases the lock
 * @throws LockedError while another runner holds the lock
 */
export function lockHome(path: string): () => void {
  try {
    return acquireLock(path);
  } catch (error) {
    if (error instanceof LockHeldError) throw new LockedError(dirname(path), error.pid);
    throw error;
  }
}

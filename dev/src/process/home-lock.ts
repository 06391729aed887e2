import { dirname } from 'node:path';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { LockedError } from '../errors';

/**
 * One runner per home folder.
 *
 * @param path the lock file in the home folder
 * @returns a function that releases the lock
 * @throws LockedError while another runner works in the folder
 */
export function lockHome(path: string): () => void {
  try {
    return acquireLock(path);
  } catch (error) {
    if (error instanceof LockHeldError) throw new LockedError(dirname(path), error.pid);
    throw error;
  }
}

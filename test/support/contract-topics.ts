import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';

const WAIT_MS = 300_000;

/**
 * For a spec that says what the raw topics of the contracts hold: while it runs, no other such spec works on this broker.
 * To be called before its other hooks.
 */
export function useContractTopicsAlone(brokers: string): void {
  const path = join(tmpdir(), `orderstream-contract-topics-${brokers.replaceAll(/\W/g, '-')}.lock`);
  let release: (() => void) | undefined;

  beforeAll(async () => {
    release = await waitUntil(() => tryAcquire(path), {
      what: 'the spec before to leave the topics of the contracts',
      deadlineMs: WAIT_MS,
    });
  }, WAIT_MS + 10_000);
  afterAll(() => release?.());
}

function tryAcquire(path: string): (() => void) | undefined {
  try {
    return acquireLock(path);
  } catch (error) {
    if (error instanceof LockHeldError) return undefined;
    throw error;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessIdentity } from '@orderstream/process-lock';

const POLL_INTERVAL_MS = 25;

/** Resolves to whether the process exited within the timeout. */
export async function waitForExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (isRunning(identity)) {
    if (performance.now() >= until) return false;
    await delay(POLL_INTERVAL_MS);
  }
  return true;
}

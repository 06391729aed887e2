import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessIdentity } from '@orderstream/process-lock';

const ASK_INTERVAL_MS = 25;

/** Whether the process ended within the time. */
export async function waitForExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (isRunning(identity)) {
    if (performance.now() >= until) return false;
    await delay(ASK_INTERVAL_MS);
  }
  return true;
}

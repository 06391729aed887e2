import { setTimeout as delay } from 'node:timers/promises';

import { DeadlineError, waitUntil } from '@orderstream/deadlines';

import { type App } from '../stack/fault-stack';
import { dependenciesOf } from './dependencies';
import { type FaultContext, type Outcome } from './fault';

const POLL_INTERVAL_MS = 50;
/** Longer than the restart of a service, and than a pause of the load. */
const EFFECT_DEADLINE_MS = 60_000;

/** Waits until a fault has affected something, or for a minute, and then for its duration. */
export async function lastWhileAffecting(affected: () => number, durationMs: number): Promise<void> {
  try {
    await waitUntil(() => affected() > 0, {
      what: 'the fault to affect anything',
      deadlineMs: EFFECT_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    });
  } catch (error) {
    // `outcomeOfEffect` decides whether that is a failure.
    if (!(error instanceof DeadlineError)) throw error;
  }
  await delay(durationMs);
}

/**
 * The outcome of a fault that needs something to affect. If it affected nothing, it was not injected. That is a failure,
 * unless another fault of the same moment left the service without work.
 *
 * @param affected how much it affected
 * @param detail what the fault was and what it affected
 */
export function outcomeOfEffect(
  { claimed }: Pick<FaultContext, 'claimed'>,
  app: App,
  affected: number,
  detail: string,
): Outcome {
  if (affected > 0) return { detail };
  const unavailable = [...dependenciesOf(app)].filter((claim) => claimed.has(claim));
  return unavailable.length === 0
    ? { detail, broken: [`the fault was not injected: it affected nothing of ${app}`] }
    : { detail: `${detail}, without ${unavailable.join(' and ')}` };
}

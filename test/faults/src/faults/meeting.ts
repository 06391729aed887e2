import { setTimeout as delay } from 'node:timers/promises';

import { type App } from '../stack/fault-stack';
import { dependenceOf } from './dependence';
import { type Outcome, type Scene } from './fault';

const LOOK_INTERVAL_MS = 50;
/** A service that is started anew takes some seconds; one that rests for the load's sake takes longer. */
const MET_WITHIN_MS = 60_000;

/** Waits until somebody has met the trouble, for a while, and then for so long. */
export async function untilMet(met: () => number, ms: number): Promise<void> {
  const until = performance.now() + MET_WITHIN_MS;
  while (met() === 0 && performance.now() < until) await delay(LOOK_INTERVAL_MS);
  await delay(ms);
}

/**
 * What a fault says of a trouble that only hurts who meets it. Met by nobody it was not inflicted: that is a failure, but
 * where another fault of the same moment left the service without work.
 *
 * @param met how often it was met
 * @param detail what it was, and what met it
 */
export function outcomeOfMeeting({ claimed }: Pick<Scene, 'claimed'>, app: App, met: number, detail: string): Outcome {
  if (met > 0) return { detail };
  const taken = [...dependenceOf(app)].filter((claim) => claimed.has(claim));
  return taken.length === 0
    ? { detail, broken: [`it was not inflicted: ${app} met nothing of it`] }
    : { detail: `${detail}, without ${taken.join(' and ')}` };
}

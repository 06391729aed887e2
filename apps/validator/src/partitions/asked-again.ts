import { setTimeout as delay } from 'node:timers/promises';

const TRIES = 3;
const RETRY_MS = 500;

/**
 * Asks a broker where a log ends. One that has just started may answer with an earlier end for a moment: it is asked again
 * before that counts. Returns the last answer.
 */
export async function askedAgain<T>(
  ask: () => Promise<T>,
  isEarlier: (answer: T) => boolean,
  retryMs = RETRY_MS,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (tries === TRIES || !isEarlier(answer)) return answer;
    await delay(retryMs);
  }
}

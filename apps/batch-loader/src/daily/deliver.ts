import { setTimeout as delay } from 'node:timers/promises';
import { OrderstreamError } from '@orderstream/errors';

const ANSWER_TIMEOUT_MS = 10_000;
const RETRIES = 3;
const FIRST_PAUSE_MS = 1_000;
const TOO_MANY_REQUESTS = 429;
const REQUEST_TIMEOUT = 408;
const SERVER_ERRORS = 500;

/** A report did not arrive at its URL. The message has only the host: the path may be a secret. */
export class DeliveryError extends OrderstreamError {
  readonly code = 'ALERT_UNDELIVERED';
}

export interface Delivery {
  readonly url: string;
  readonly contentType: string;
  readonly body: string;
  /** Pause before the first retry; it doubles. Tests shorten it. */
  readonly firstPauseMs?: number;
  readonly timeoutMs?: number;
}

/** Posts a report, again after a timeout or an error of the server. @throws DeliveryError */
export async function deliver(delivery: Delivery): Promise<void> {
  const { url, firstPauseMs = FIRST_PAUSE_MS } = delivery;
  for (let tries = 0; ; tries++) {
    const problem = await post(delivery);
    if (problem === undefined) return;
    if (tries === RETRIES || !problem.mayPass) {
      throw new DeliveryError(
        `${new URL(url).host} did not take the report after ${tries + 1} attempts: ${problem.text}.`,
      );
    }
    await delay(firstPauseMs * 2 ** tries * (0.5 + Math.random() / 2));
  }
}

interface Problem {
  readonly text: string;
  readonly mayPass: boolean;
}

async function post({ url, contentType, body, timeoutMs = ANSWER_TIMEOUT_MS }: Delivery): Promise<Problem | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    const { status } = response;
    const mayPass = status >= SERVER_ERRORS || status === TOO_MANY_REQUESTS || status === REQUEST_TIMEOUT;
    return { text: `it answered ${status}`, mayPass };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
    return { text: cause ?? (error instanceof Error ? error.message : String(error)), mayPass: true };
  }
}

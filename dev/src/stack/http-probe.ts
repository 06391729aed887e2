const ANSWER_TIMEOUT_MS = 2_000;
const SHOWN_CHARACTERS = 500;

/** Whether the URL answers with a status from 200 to 299 in time. */
export async function answersOk(url: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Whether a service is ready. @throws Error with the answer of a service that is not, or does not answer in time */
export async function isServiceReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`status ${String(response.status)}: ${answer.slice(0, SHOWN_CHARACTERS)}`);
  return true;
}

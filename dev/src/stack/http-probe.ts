const ANSWER_TIMEOUT_MS = 2_000;

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

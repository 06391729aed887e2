import { waitUntil } from '@orderstream/deadlines';

const POLL_INTERVAL_MS = 10;

/**
 * Awaits work that cannot be cancelled, for a limited time.
 * @param what to complete "Waited 30 s in vain for …"
 * @throws DeadlineError, or what the work rejects with
 */
export async function settledWithin<T>(work: Promise<T>, what: string, deadlineMs: number): Promise<T> {
  let settled: PromiseSettledResult<T> | undefined;
  void Promise.allSettled([work]).then(([result]) => {
    settled = result;
  });
  const result = await waitUntil(() => settled, { what, deadlineMs, intervalMs: POLL_INTERVAL_MS });
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

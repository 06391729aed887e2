/** Resolves after `ms`, or as soon as the signal aborts. Never rejects. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when `work` is fulfilled or rejected, at the latest after `ms`. Leaves no timer. */
export async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const done = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([done, delay(ms, settled.signal)]);
  settled.abort();
}

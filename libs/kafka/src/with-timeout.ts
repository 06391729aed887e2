export class TimeoutError extends Error {}

/**
 * Waits for the work until the timeout. The work itself is not stopped.
 *
 * @param what completes the message "… took more than 500 ms"
 * @throws TimeoutError
 */
export async function withTimeout<T>(timeoutMs: number, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TimeoutError(`${what} took more than ${Math.round(timeoutMs).toString()} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

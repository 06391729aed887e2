import { BigQueryCallError } from './errors';

/** A look at a table, or its creation, takes a second at most. */
const CALL_DEADLINE_MS = 10_000;
const ATTEMPTS = 3;

/**
 * Gives a call over REST an end: Google's client sets timeouts that its transport ignores, so that a connection that died
 * without a word would be waited for until the operating system gives it up.
 * @throws BigQueryCallError (retriable) at the deadline; the call's own error before it
 */
export async function within<T>(deadlineMs: number, doing: string, call: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new LateCallError(`${doing}: no answer within ${String(deadlineMs)} ms`, { retriable: true }));
    }, deadlineMs);
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The same for what may be done twice, over another connection where one gives no answer. What is answered with an error
 * is not tried again: the client has done so where that makes sense.
 */
export async function answered<T>(doing: string, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await within(CALL_DEADLINE_MS, doing, call);
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof LateCallError)) throw error;
    }
  }
}

class LateCallError extends BigQueryCallError {}

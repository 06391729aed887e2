import { type BigQueryCallCode, BigQueryCallError } from './errors';

/** Calls that read or create a table or dataset take a second at most. */
const ATTEMPT_DEADLINE_MS = 10_000;
const MAX_ATTEMPTS = 3;

/** What a call does, for its error. */
export interface CallDescription {
  readonly code: BigQueryCallCode;
  /** Begins the error message: `a query`. */
  readonly what: string;
}

/**
 * Ends a REST call at a deadline. The transport of Google's client ignores the client's timeouts: without the deadline, a
 * call over a dead connection waits until the operating system closes the connection.
 * @throws BigQueryCallError (retriable) at the deadline; before it, the call's own error
 */
export async function withDeadline<T>(
  deadlineMs: number,
  { code, what }: CallDescription,
  call: () => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NoAnswerError(`${what}: no answer within ${String(deadlineMs)} ms`, { code, retriable: true }));
    }, deadlineMs);
  });
  try {
    return await Promise.race([call(), overdue]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Repeats a call that has no answer at its deadline: the next attempt uses another connection. Only for calls that may
 * run twice. An error answer is not retried: the client has already retried it where that helps.
 */
export async function retryWithoutAnswer<T>(description: CallDescription, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withDeadline(ATTEMPT_DEADLINE_MS, description, call);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error instanceof NoAnswerError)) throw error;
    }
  }
}

class NoAnswerError extends BigQueryCallError {}

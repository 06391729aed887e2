import { type Answer } from '../api/admin-client';
import { ProblemError } from '../errors';
import { type Session } from '../session';

interface Revised {
  readonly revision?: number | string | null | undefined;
}

/** The condition of a change: nobody has changed the resource since it was read. */
export function ifMatch({ etag, body }: Answer<Revised>): Record<string, string> {
  return { 'if-match': etag ?? `"${body.revision ?? 0}"` };
}

/** Makes a conditional change, and says so if someone else was faster. */
export async function changed<T>(session: Session, what: string, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 412) {
      session.note(`${what} was changed by someone else while this command ran; this change was not made.`);
    }
    throw error;
  }
}

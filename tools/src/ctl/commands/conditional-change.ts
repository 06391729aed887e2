import { ProblemError } from '../errors';
import { type Session } from '../session';

/** The entity tag of a revision. */
export function etagOf(revision: number | string | null | undefined): string | undefined {
  return revision == null ? undefined : `"${revision}"`;
}

/** Makes a change that has If-Match, and says so if someone else was faster. */
export async function saying<T>(session: Session, what: string, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 412) {
      session.note(`${what} was changed by someone else while this command ran; this change was not made.`);
    }
    throw error;
  }
}

import { CtlError } from '../errors';
import { EXIT_CODES } from '../exit-codes';
import { type Session } from '../session';
import { type Answer } from './admin-client';

/** The largest page that the API gives. */
const MAX_PAGE = 1_000;

interface Page {
  readonly next?: string | null | undefined;
}

export interface Pages<T, P> {
  readonly items: readonly T[];
  /** Where the list goes on; undefined at its end. */
  readonly next: string | undefined;
  /** The last page, for what it has beside its items. */
  readonly last: P;
}

/** Reads pages until there are `limit` items, or no more. Each page is one request with a deadline of its own. */
export async function readPages<T, P extends Page>(
  limit: number,
  cursor: string | undefined,
  read: (limit: number, cursor: string | undefined) => Promise<Answer<P>>,
  itemsOf: (page: P) => readonly T[],
): Promise<Pages<T, P>> {
  const items: T[] = [];
  let from = cursor;
  for (;;) {
    const { body } = await read(Math.min(MAX_PAGE, limit - items.length), from);
    items.push(...itemsOf(body));
    const next = body.next ?? undefined;
    if (next === undefined || items.length >= limit) return { items, next, last: body };
    if (next === from)
      throw new CtlError('The list does not go on: its cursor stays the same.', EXIT_CODES.rejected.code);
    from = next;
  }
}

/** Says where a list goes on. */
export function noteNext(session: Session, next: string | undefined): void {
  if (next !== undefined) session.note(`There are more: repeat the command with --cursor ${next}`);
}

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
    from = next;
  }
}

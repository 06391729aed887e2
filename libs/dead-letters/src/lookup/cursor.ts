import { createHash } from 'node:crypto';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { type LetterFilter } from './letter-filter';

export type LetterOrder = 'newest' | 'oldest';

/** Place of a letter in the order of a list. */
export interface ListPlace {
  readonly orderMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** The cursor is damaged, or of a list with another filter or order. */
export class CursorRejectedError extends OrderstreamError {
  readonly code: ErrorCode = 'CURSOR_REJECTED';

  constructor(why: string) {
    super(`The cursor ${why}. Ask for the first page of this list, without a cursor.`);
  }
}

/** Identifies filter and order, whatever the order of the filter's conditions. */
function listId(filter: LetterFilter, order: LetterOrder): string {
  const sorted = (value: unknown): unknown => {
    if (value instanceof Date) return value.getTime();
    if (typeof value !== 'object' || value === null) return value;
    return Object.entries(value)
      .filter(([, condition]) => condition !== undefined)
      .map(([name, condition]) => [name, sorted(condition)])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  };
  return createHash('sha256')
    .update(JSON.stringify([sorted(filter), order]))
    .digest('base64url')
    .slice(0, 12);
}

/** A text from which the list continues behind this place. */
export function encodeCursor(filter: LetterFilter, order: LetterOrder, place: ListPlace): string {
  const { orderMs, topic, partition, offset } = place;
  return Buffer.from(JSON.stringify([1, listId(filter, order), orderMs, topic, partition, offset])).toString(
    'base64url',
  );
}

/** @throws CursorRejectedError */
export function decodeCursor(filter: LetterFilter, order: LetterOrder, cursor: string): ListPlace {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new CursorRejectedError('is not one of a list of dead letters');
  }
  const [version, id, orderMs, topic, partition, offset] = Array.isArray(values) ? (values as unknown[]) : [];
  if (
    version !== 1 ||
    typeof orderMs !== 'number' ||
    typeof topic !== 'string' ||
    !Number.isSafeInteger(partition) ||
    !Number.isSafeInteger(offset)
  ) {
    throw new CursorRejectedError('is not one of a list of dead letters');
  }
  if (id !== listId(filter, order)) throw new CursorRejectedError('is of a list with another filter or order');
  return { orderMs, topic, partition: partition as number, offset: offset as number };
}

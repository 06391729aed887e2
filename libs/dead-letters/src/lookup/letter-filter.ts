import { CE } from '@orderstream/contracts';
import { headerText } from '../headers';
import { type DeadLetter } from '../parse-dead-letter';

/** Which dead letters are meant. Every condition must hold; without any, all are. */
export interface LetterFilter {
  /** The dead-letter topic. Without it, letters of all dead-letter topics are meant, and no parked ones. */
  readonly topic?: string;
  readonly app?: string;
  /** Code of the first reason. */
  readonly reason?: string;
  readonly fingerprint?: string;
  /** Key of the record, as text. */
  readonly key?: string;
  readonly eventType?: string;
  /** Bounds of `dlq-failed-at`: from the first, before the second. */
  readonly failedFrom?: Date;
  readonly failedUntil?: Date;
  readonly sourceTopic?: string;
  readonly sourcePartition?: number;
  /** Bounds of the source offset: from the first, below the second. */
  readonly sourceOffsetFrom?: number;
  readonly sourceOffsetUntil?: number;
  /** Fields of the body with the text of their values: `item_quantity` = `2`. A field that is null or absent is not equal to any. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** The bounds of a filter between which no letter can be. */
export function emptyRanges(
  filter: Pick<LetterFilter, 'failedFrom' | 'failedUntil' | 'sourceOffsetFrom' | 'sourceOffsetUntil'>,
): string[] {
  const { failedFrom, failedUntil, sourceOffsetFrom, sourceOffsetUntil } = filter;
  const problems: string[] = [];
  if (failedFrom !== undefined && failedUntil !== undefined && failedFrom >= failedUntil) {
    problems.push(
      `from, ${failedFrom.toISOString()}, must be before to, ${failedUntil.toISOString()}: no letter is between them`,
    );
  }
  if (sourceOffsetFrom !== undefined && sourceOffsetUntil !== undefined && sourceOffsetFrom >= sourceOffsetUntil) {
    problems.push(
      `fromOffset, ${String(sourceOffsetFrom)}, must be below toOffset, ${String(sourceOffsetUntil)}: no letter is between them`,
    );
  }
  return problems;
}

/** FNV-1a of 32 bits. Letters of one key have one hash; letters of one hash may have several keys. */
export function keyHash(key: Buffer | null): number {
  let hash = 0x811c9dc5;
  if (key === null) return 0;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Whether what only the letter itself says holds: its key and the fields of its body. The index knows the rest. */
export function hasKeyAndFields(
  { key, fields = {} }: LetterFilter,
  letter: Pick<DeadLetter, 'key' | 'value'>,
): boolean {
  if (key !== undefined && letter.key?.toString('utf8') !== key) return false;
  const wanted = Object.entries(fields);
  if (wanted.length === 0) return true;
  const body = bodyOf(letter.value);
  return body !== undefined && wanted.every(([name, text]) => Object.hasOwn(body, name) && textOf(body[name]) === text);
}

/** `ce_type` of the record; empty if it has none. */
export const eventTypeOf = ({ headers }: Pick<DeadLetter, 'headers'>): string => headerText(headers, CE.type) ?? '';

/** The body of a record; undefined if it is not a JSON object. */
export function bodyOf(value: Buffer | null): Readonly<Record<string, unknown>> | undefined {
  if (value === null) return undefined;
  try {
    const body: unknown = JSON.parse(value.toString('utf8'));
    return typeof body === 'object' && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    // Not JSON: no field has a value.
    return undefined;
  }
}

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? undefined : JSON.stringify(value);
};

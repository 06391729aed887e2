import type { ExpectedOutcome, LedgerAck, LedgerIntent, LedgerLine } from './ledger';
import { RULES } from './rules';
import { timestampMicros } from './timestamps';

/** The text is not a complete ledger line: a crash interrupted its write, or the file is no ledger. */
export class LedgerFormatError extends SyntaxError {
  override readonly name = 'LedgerFormatError';
}

type Guard<T> = (value: unknown) => value is T;
type Guards<T> = { readonly [K in keyof T]-?: Guard<T[K]> };

const text: Guard<string> = (value): value is string => typeof value === 'string' && value !== '';
const time: Guard<string> = (value): value is string =>
  typeof value === 'string' && !Number.isNaN(timestampMicros(value));
const natural: Guard<number> = (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const integer: Guard<number> = (value): value is number => Number.isSafeInteger(value);
const sha256: Guard<string> = (value): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const textOrNull: Guard<string | null> = (value): value is string | null => value === null || text(value);
const is =
  <const V extends string>(wanted: V): Guard<V> =>
  (value): value is V =>
    value === wanted;
const listOf =
  <T>(item: Guard<T>): Guard<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.every(item);

const REJECT = 'reject:';
const outcome: Guard<ExpectedOutcome> = (value): value is ExpectedOutcome =>
  value === 'accept' ||
  value === 'repair' ||
  value === 'skip' ||
  (typeof value === 'string' && value.startsWith(REJECT) && Object.hasOwn(RULES, value.slice(REJECT.length)));

/** An object with exactly these fields. */
function record<T extends object>(guards: Guards<T>): Guard<T> {
  const entries = Object.entries<Guard<unknown>>(guards);
  return (value): value is T =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === entries.length &&
    entries.every(([name, guard]) => Object.hasOwn(value, name) && guard((value as Record<string, unknown>)[name]));
}

const isIntent = record<LedgerIntent>({
  seq: natural,
  topic: text,
  partition: natural,
  sha256,
  defect: textOrNull,
  expected: outcome,
});
const isAck = record<LedgerAck>({ topic: text, partition: natural, baseOffset: natural, count: natural });

type LineOf<K extends LedgerLine['kind']> = Extract<LedgerLine, { kind: K }>;
const isRun = record<LineOf<'run'>>({
  kind: is('run'),
  run: text,
  startedAt: time,
  firstSeq: natural,
  seed: integer,
});
const isIntents = record<LineOf<'intents'>>({
  kind: is('intents'),
  run: text,
  batch: natural,
  intents: listOf(isIntent),
});
const isAcks = record<LineOf<'acks'>>({ kind: is('acks'), run: text, batch: natural, acks: listOf(isAck) });

/** Parses one line of a ledger file, without its line feed. @throws LedgerFormatError if it is not a complete line */
export function parseLedgerLine(line: string): LedgerLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new LedgerFormatError(`not JSON: ${line.slice(0, 80)}`, { cause });
  }
  if (isIntents(value) || isAcks(value) || isRun(value)) return value;
  throw new LedgerFormatError(`not a ledger line: ${line.slice(0, 80)}`);
}

/** One line of a ledger file, without its line feed. JSON escapes line feeds inside. */
export function formatLedgerLine(line: LedgerLine): string {
  return JSON.stringify(line);
}

import { TOPICS } from '@orderstream/contracts';
import { isStorable, type OutputRecord, type RecordHeaders } from '@orderstream/kafka';

import { DLQ_HEADERS, foreignHeaderBytes, onlyDeadLetterHeaders } from './headers';

/** Bytes kept of a part that cannot be stored whole. */
const KEPT_BYTES = 1_048_576;
const KEPT_KEY_BYTES = 1_024;

const LIMITS: ReadonlyMap<string, number> = new Map(TOPICS.map(({ name, maxMessageBytes }) => [name, maxMessageBytes]));
const LARGEST_LIMIT = Math.max(...LIMITS.values());

/**
 * The dead letter as its topic can store it. Nearly always that is the very record: what came out of a topic of nearly the
 * same limit fits, compressed if need be. Otherwise as little as possible is cut: the end of the value; then the headers
 * that the record came with; then the end of the key. Header `dlq-cut` names each part with the bytes that it had.
 */
export function fitted(letter: OutputRecord): OutputRecord {
  const maxBytes = LIMITS.get(letter.topic) ?? LARGEST_LIMIT;
  if (isStorable(letter, maxBytes)) return letter;
  const { key, value, headers } = letter;

  const cut: Record<string, number> = { value: value?.length ?? 0 };
  let smaller = { ...letter, value: value?.subarray(0, KEPT_BYTES) ?? null, headers: withCut(headers, cut) };
  if (isStorable(smaller, maxBytes)) return smaller;

  cut.headers = foreignHeaderBytes(headers);
  smaller = { ...smaller, headers: withCut(onlyDeadLetterHeaders(headers), cut) };
  if (isStorable(smaller, maxBytes)) return smaller;

  cut.key = key?.length ?? 0;
  return { ...smaller, key: key?.subarray(0, KEPT_KEY_BYTES) ?? null, headers: withCut(smaller.headers, cut) };
}

function withCut(headers: RecordHeaders, cut: Readonly<Record<string, number>>): RecordHeaders {
  const marked = Object.assign(Object.create(null) as RecordHeaders, headers);
  marked[DLQ_HEADERS.cut] = JSON.stringify(cut);
  return marked;
}

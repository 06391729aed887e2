import { TOPICS } from '@orderstream/contracts';
import { isStorable, type OutputRecord } from '@orderstream/kafka';

import { onlyDeadLetterHeaders, recordHeaderBytes, withCutHeader } from './headers';

/** Length of a value and of a key that are cut, in bytes. */
const CUT_VALUE_BYTES = 1_048_576;
const CUT_KEY_BYTES = 1_024;

const LIMITS: ReadonlyMap<string, number> = new Map(TOPICS.map(({ name, maxMessageBytes }) => [name, maxMessageBytes]));
const LARGEST_LIMIT = Math.max(...LIMITS.values());

/**
 * The dead letter as its topic can store it. Nearly every dead letter fits unchanged, compressed if necessary. Otherwise, as
 * little as possible is removed, in this order: the end of the value; the headers of the failed record; the end of the key.
 * Header `dlq-cut` lists what was removed from, with the original size in bytes.
 */
export function fitToTopic(letter: OutputRecord): OutputRecord {
  const maxBytes = LIMITS.get(letter.topic) ?? LARGEST_LIMIT;
  if (isStorable(letter, maxBytes)) return letter;
  const { key, value, headers } = letter;

  const cut: Record<string, number> = { value: value?.length ?? 0 };
  let smaller = { ...letter, value: value?.subarray(0, CUT_VALUE_BYTES) ?? null, headers: withCutHeader(headers, cut) };
  if (isStorable(smaller, maxBytes)) return smaller;

  cut.headers = recordHeaderBytes(headers);
  smaller = { ...smaller, headers: withCutHeader(onlyDeadLetterHeaders(headers), cut) };
  if (isStorable(smaller, maxBytes)) return smaller;

  cut.key = key?.length ?? 0;
  return { ...smaller, key: key?.subarray(0, CUT_KEY_BYTES) ?? null, headers: withCutHeader(smaller.headers, cut) };
}

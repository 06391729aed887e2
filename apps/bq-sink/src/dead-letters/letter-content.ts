import { isUtf8 } from 'node:buffer';

import { recordHeaderBytes, withoutDeadLetterHeaders } from '@orderstream/dead-letters';
import { headerFields, type RecordHeaders } from '@orderstream/kafka';

/**
 * Bounds of the contents of a row, which together stay below the 9 MB that one row may have. Only a record that was stored
 * compressed can be larger.
 */
const MAX_BODY_BYTES = 5_000_000;
const MAX_KEY_BYTES = 65_536;
const MAX_HEADERS_LENGTH = 1_000_000;
const MAX_TEXT_LENGTH = 4_096;

/** Original bytes of a part that is not whole; empty for a whole one. */
type Cut = Readonly<Record<string, number>>;

/** A value as text where it is UTF-8, as bytes otherwise. */
interface Content {
  readonly text: string | undefined;
  readonly bytes: Buffer | undefined;
  readonly cut: Cut;
}

export const bodyColumns = (value: Buffer | null): Content => content(value, MAX_BODY_BYTES, 'value');

export const keyColumns = (key: Buffer | null): Content => content(key, MAX_KEY_BYTES, 'key');

function content(bytes: Buffer | null, maxBytes: number, part: string): Content {
  if (bytes === null) return { text: undefined, bytes: undefined, cut: {} };
  const cut: Cut = bytes.length > maxBytes ? { [part]: bytes.length } : {};
  const retained = wholeCharacters(bytes, maxBytes);
  return isUtf8(retained)
    ? { text: retained.toString(), bytes: undefined, cut }
    : { text: undefined, bytes: retained, cut };
}

/** The beginning of the bytes. Text does not end within a character, which has at most four bytes. */
function wholeCharacters(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length <= maxBytes) return bytes;
  for (let length = maxBytes; length > maxBytes - 4; length--) {
    const retained = bytes.subarray(0, length);
    if (isUtf8(retained)) return retained;
  }
  return bytes.subarray(0, maxBytes);
}

/** The headers in order, as JSON `[{name, value}]`; `{name, base64}` where the value is not UTF-8. */
export function headersColumn(headers: RecordHeaders, which: 'own' | 'all'): { readonly json: string; cut: Cut } {
  const shown: string[] = [];
  let length = 0;
  for (const [name, value] of headerFields(which === 'own' ? withoutDeadLetterHeaders(headers) : headers)) {
    const field = JSON.stringify({ name: name.toWellFormed(), ...valueOf(value) });
    length += Buffer.byteLength(field) + 1;
    if (length > MAX_HEADERS_LENGTH)
      return { json: `[${shown.join(',')}]`, cut: { headers: recordHeaderBytes(headers) } };
    shown.push(field);
  }
  return { json: `[${shown.join(',')}]`, cut: {} };
}

function valueOf(value: Buffer | string | null): object {
  if (value === null) return { value };
  const bytes = Buffer.from(value);
  return isUtf8(bytes) ? { value: bytes.toString() } : { base64: bytes.toString('base64') };
}

/** A text of a column that other programs may have written: without lone surrogates, and cut where it is very long. */
export const shortText = (text: string | undefined): string | undefined =>
  text?.slice(0, MAX_TEXT_LENGTH).toWellFormed();

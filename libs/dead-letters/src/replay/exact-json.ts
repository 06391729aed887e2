import { isUtf8 } from 'node:buffer';

/** Digits of any decimal number that a double holds, and gives back as they were. */
const EXACT_DIGITS = 15;

/**
 * The JSON value of the bytes, if it can be written again without a change of what was not edited: a number with more digits
 * than a double holds, such as an identifier of 64 bits, would come back as another one.
 */
export function exactJson(value: Buffer | null): { readonly body: unknown } | { readonly problem: string } {
  if (value === null) return { problem: 'the record has no value' };
  if (!isUtf8(value)) return { problem: 'the value is not JSON: it is not UTF-8' };
  let inexact: string | undefined;
  const check = (name: string, parsed: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof parsed === 'number' && !isExact(parsed, context?.source ?? '')) inexact ??= name;
    return parsed;
  };
  try {
    const body: unknown = JSON.parse(value.toString('utf8'), check);
    if (inexact === undefined) return { body };
    return { problem: `the value has a number with more digits than an edit preserves, at ${JSON.stringify(inexact)}` };
  } catch {
    return { problem: 'the value is not JSON' };
  }
}

/** @param source the number as the text has it */
function isExact(parsed: number, source: string): boolean {
  if (!Number.isFinite(parsed)) return false;
  const [mantissa = ''] = source.toLowerCase().split('e');
  const digits = mantissa.replace(/[-.]/g, '').replace(/^0+|0+$/g, '');
  if (digits.length <= EXACT_DIGITS) return parsed !== 0 || digits === '';
  return String(parsed) === source;
}

const ZERO = 48;
const DASH = 45;
const COLON = 58;
const DOT = 46;
const LETTER_T = 84;
const LETTER_Z = 90;

const SHORTEST = '2026-01-02T03:04:05Z'.length;
const LONGEST = '2026-01-02T03:04:05.678901Z'.length;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334] as const;
const DAYS_BEFORE_1970 = 719_162;
const SECONDS_PER_DAY = 86_400;

/** Years of the times in events. Microseconds since 1970 are exact in a double within them. */
export const FIRST_YEAR = 1970;
export const LAST_YEAR = 2199;

const INVALID = -1;

/** The value of `count` digits, or INVALID. */
function digits(text: string, from: number, count: number): number {
  let number = 0;
  for (let at = from; at < from + count; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return INVALID;
    number = number * 10 + digit;
  }
  return number;
}

const isLeapYear = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

function daysSince1970(year: number, month: number, day: number): number {
  if (year < FIRST_YEAR || year > LAST_YEAR || month < 1 || month > 12 || day < 1) return INVALID;
  const leapDay = isLeapYear(year) ? 1 : 0;
  if (day > (DAYS_IN_MONTH[month - 1] ?? 0) + (month === 2 ? leapDay : 0)) return INVALID;
  const before = year - 1;
  const leapDaysBefore = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const dayOfYear = (DAYS_BEFORE_MONTH[month - 1] ?? 0) + (month > 2 ? leapDay : 0) + day - 1;
  return before * 365 + leapDaysBefore + dayOfYear - DAYS_BEFORE_1970;
}

/** Microseconds of the fraction between `from` and the final Z, or INVALID. One to six digits. */
function fractionMicros(text: string, from: number): number {
  const count = text.length - 1 - from;
  if (count < 1) return INVALID;
  let micros = digits(text, from, count);
  if (micros === INVALID) return INVALID;
  for (let scale = count; scale < 6; scale++) micros *= 10;
  return micros;
}

/**
 * Parses a time of an event to microseconds since 1970, or NaN: RFC 3339 in UTC with upper-case `T` and `Z`, zero to
 * six decimals, an existing date in the years 1970 to 2199, no leap second.
 *
 * Hot: runs for every time of every record. It allocates nothing.
 */
export function timestampMicros(text: string): number {
  const length = text.length;
  if (
    length < SHORTEST ||
    length > LONGEST ||
    text.charCodeAt(4) !== DASH ||
    text.charCodeAt(7) !== DASH ||
    text.charCodeAt(10) !== LETTER_T ||
    text.charCodeAt(13) !== COLON ||
    text.charCodeAt(16) !== COLON ||
    text.charCodeAt(length - 1) !== LETTER_Z
  ) {
    return NaN;
  }
  const days = daysSince1970(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (days < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return NaN;
  if (length === SHORTEST) return (days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second) * 1_000_000;
  const micros = text.charCodeAt(19) === DOT ? fractionMicros(text, 20) : INVALID;
  if (micros < 0) return NaN;
  return (days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second) * 1_000_000 + micros;
}

const OTHER_ZONE = /[+-][0-9]{2}(?::?[0-9]{2})?$/;
const DATE_TIME = /^([0-9]{4})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.([0-9]+))?/;

/** What is wrong with a text that `timestampMicros` cannot parse. For dead letters only. */
export function timestampProblem(text: string): { readonly expected: string; readonly found: string } | undefined {
  const [matched, year, decimals] = DATE_TIME.exec(text) ?? [];
  if (matched === undefined) return undefined;
  const rest = text.slice(matched.length);
  if (rest !== 'Z') {
    const found = OTHER_ZONE.test(rest) || rest === 'z' ? rest : rest === '' ? 'no time zone' : JSON.stringify(rest);
    return { expected: 'Z', found };
  }
  if (decimals !== undefined && decimals.length > 6) {
    return { expected: 'at most 6 decimals', found: decimals.length.toString() };
  }
  if (Number(year) < FIRST_YEAR || Number(year) > LAST_YEAR) {
    return { expected: `a year from ${FIRST_YEAR.toString()} to ${LAST_YEAR.toString()}`, found: String(year) };
  }
  return { expected: 'a time that exists', found: text };
}

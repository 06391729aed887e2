import { randomBytes } from 'node:crypto';

const HEADER = 'traceparent';
/** Version 00 ends after its flags; later versions may have more fields. */
const PATTERN = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:$|(?<!^00.{53})-)/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** As in kafkajs: a repeated name has an array of values, and values from the broker are Buffers. */
type Headers = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

/**
 * A new trace, sampled, as a W3C `traceparent` of version 00 ("Trace Context", section 3.2).
 *
 * @param rng uniform in [0, 1); default: the system's random bytes
 */
export function newTraceparent(rng?: () => number): string {
  return `00-${randomHex(32, rng)}-${randomHex(16, rng)}-01`;
}

/**
 * The trace id of the `traceparent` header: 32 hex digits. Undefined when the header is absent, repeated or invalid; the
 * specification says to ignore it then. Of later versions, the fields of version 00 are read.
 */
export function traceIdOf(headers: Headers): string | undefined {
  const value = headers[HEADER];
  // A null value is no value, although the types of kafkajs do not have it.
  if (!value || Array.isArray(value)) return undefined;
  // Version 00 has 55 characters. The limit bounds the work for longer values.
  if (value.length > 512) return undefined;
  const match = PATTERN.exec(typeof value === 'string' ? value : value.toString('latin1'));
  const [, trace, span] = match ?? [];
  return trace === NO_TRACE || span === NO_SPAN ? undefined : trace;
}

function randomHex(digits: number, rng: (() => number) | undefined): string {
  let hex: string;
  do {
    hex = rng
      ? Array.from({ length: digits }, () => Math.floor(rng() * 16).toString(16)).join('')
      : randomBytes(digits / 2).toString('hex');
  } while (/^0+$/.test(hex));
  return hex;
}

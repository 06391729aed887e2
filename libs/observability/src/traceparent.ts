import { randomBytes } from 'node:crypto';

const HEADER = 'traceparent';
/** Version 00 ends after its flags; later versions may have more fields. */
const PATTERN = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:$|(?<!^00.{53})-)/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
/** Where the flags are. They have no group: a third one costs the sink a twentieth of its row mapping. */
const FLAGS = [53, 55] as const;
const SAMPLED = 0x01;

/** As in kafkajs: a repeated name has an array of values, and values from the broker are Buffers. */
export type TraceHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

/** The fields of a W3C `traceparent`. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits: the parent of the spans that continue the trace. */
  readonly spanId: string;
  /** Whether the sender may have recorded its span. */
  readonly sampled: boolean;
}

/**
 * A new trace, sampled, as a W3C `traceparent` of version 00 ("Trace Context", section 3.2).
 *
 * @param rng uniform in [0, 1); default: the system's random bytes
 */
export function newTraceparent(rng?: () => number): string {
  return traceparentOf({ traceId: randomHex(32, rng), spanId: randomHex(16, rng), sampled: true });
}

/** A `traceparent` of version 00. */
export function traceparentOf({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-0${sampled ? '1' : '0'}`;
}

/**
 * The context of the `traceparent` header. Undefined when the header is absent, repeated or invalid; the specification says
 * to ignore it then. Of later versions, the fields of version 00 are read.
 */
export function traceContextOf(headers: TraceHeaders): TraceContext | undefined {
  const [text, traceId, spanId] = parse(headers) ?? [];
  if (text === undefined || traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, sampled: (parseInt(text.slice(...FLAGS), 16) & SAMPLED) !== 0 };
}

/** The trace id of the `traceparent` header: 32 hex digits. Undefined as for `traceContextOf`. */
export function traceIdOf(headers: TraceHeaders): string | undefined {
  return parse(headers)?.[1];
}

function parse(headers: TraceHeaders): readonly string[] | undefined {
  const value = headers[HEADER];
  // A null value is no value, although the types of kafkajs do not have it.
  if (!value || Array.isArray(value)) return undefined;
  // Version 00 has 55 characters. The limit bounds the work for longer values.
  if (value.length > 512) return undefined;
  const match = PATTERN.exec(typeof value === 'string' ? value : value.toString('latin1'));
  return match === null || match[1] === NO_TRACE || match[2] === NO_SPAN ? undefined : match;
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

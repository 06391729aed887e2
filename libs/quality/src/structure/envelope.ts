import { isUtf8 } from 'node:buffer';
import { CE, CE_SPECVERSION, MAX_SOURCE_BYTES, timestampMicros } from '@orderstream/contracts';
import { violated } from '../rules/constraint';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';
import type { Body } from './body';
import { isUriReference } from './uri-reference';

type Headers = RawRecord['headers'];

/** The values of a header that are not null: one that is null is as good as absent. */
function valuesOf(headers: Headers, name: string): readonly (Buffer | string)[] {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (value === undefined || value === null) return NO_VALUES;
  return Array.isArray(value) ? value.filter((item) => item !== null && item !== undefined) : [value];
}

const NO_VALUES: readonly (Buffer | string)[] = [];

const textOf = (value: Buffer | string): string => (typeof value === 'string' ? value : value.toString('latin1'));

/** A header's text, or null if the header is repeated. One character per byte. */
export function headerText(headers: Headers, name: string): string | null | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  const values = valuesOf(headers, name);
  const [only] = values;
  return values.length > 1 ? null : only === undefined ? undefined : textOf(only);
}

/**
 * Checks the CloudEvents attributes of records, against the body if there is one.
 *
 * Texts are compared as latin1, which is byte by byte: what they must equal is ASCII by contract.
 */
export class Envelope {
  /** Hardly any producer has more than one source, so most records need no check of its syntax. */
  private lastSource = '/';

  /** The source, or undefined if it is not valid. */
  check(headers: Headers, body: Body | undefined, findings: Findings): string | undefined {
    requireHeader(headers, CE.id, body?.event_id, findings);
    requireHeader(headers, CE.type, body?.event_type, findings);
    requireHeader(headers, CE.specversion, CE_SPECVERSION, findings);
    checkTime(headers, body, findings);
    const source = requireHeader(headers, CE.source, undefined, findings);
    if (source === undefined || source === this.lastSource) return source;
    const problem = sourceProblem(source, headers);
    if (problem === undefined) {
      this.lastSource = source;
      return source;
    }
    findings.fire('structure.envelope_mismatch', CE.source, problem);
    return undefined;
  }
}

/** The constraint that a source violates. */
function sourceProblem(source: string, headers: Headers): string | undefined {
  if (source.length > MAX_SOURCE_BYTES) {
    return violated('maxBytes', `at most ${String(MAX_SOURCE_BYTES)} bytes`, source.length);
  }
  if (isUriReference(source)) return undefined;
  const [value] = valuesOf(headers, CE.source);
  if (Buffer.isBuffer(value) && !isUtf8(value)) return violated('isUtf8', 'UTF-8', 'other bytes');
  const quoted = withoutQuotes(source);
  if (quoted !== undefined) return violated('isUnquoted', quoted, source);
  const found = JSON.stringify(Buffer.isBuffer(value) ? value.toString('utf8') : source);
  return violated('isUriReference', 'a URI reference (RFC 3986)', found);
}

/** The text between quotes, which some producers add to every header's value. */
const withoutQuotes = (text: string): string | undefined =>
  text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : undefined;

/** ce_time is optional. It may be another notation of the body's time. */
function checkTime(headers: Headers, body: Body | undefined, findings: Findings): void {
  const time = headerText(headers, CE.time);
  if (time === null) findings.fire('structure.envelope_mismatch', CE.time, REPEATED);
  else if (time !== undefined && body !== undefined && time !== body.occurred_at) {
    const occurredAt = body.occurred_at;
    if (typeof occurredAt === 'string' && timestampMicros(time) === timestampMicros(occurredAt)) return;
    findings.fire('structure.envelope_mismatch', CE.time, differs(occurredAt, time));
  }
}

const ABSENT = violated('required', 'a value', 'none');
const REPEATED = violated('isSingle', 'one value', 'several');

/** The constraint of a header that is not what the body has. */
function differs(expected: unknown, found: string): string {
  const name = withoutQuotes(found) === expected ? 'isUnquoted' : 'equalsBody';
  return violated(name, typeof expected === 'string' ? expected : 'the value in the body', found);
}

/** The text of a required header. The rule fires if it is absent, empty, repeated or not the expected value. */
function requireHeader(headers: Headers, name: string, expected: unknown, findings: Findings): string | undefined {
  const text = headerText(headers, name);
  let constraint: string;
  if (text === undefined || text === '') constraint = ABSENT;
  else if (text === null) constraint = REPEATED;
  else if (expected !== undefined && text !== expected) constraint = differs(expected, text);
  else return text;
  findings.fire('structure.envelope_mismatch', name, constraint);
  return undefined;
}

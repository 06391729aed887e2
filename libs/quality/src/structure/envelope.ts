import { CE, CE_SPECVERSION, timestampMicros } from '@orderstream/contracts';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';
import type { Body } from './body';

/** The state holds the source of every remembered event, so its length is limited. */
const MAX_SOURCE_LENGTH = 256;

/** A header's text, or null if the header is repeated. */
export function headerText(headers: RawRecord['headers'], name: string): string | null | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  return value === null ? undefined : null;
}

/**
 * Checks the CloudEvents attributes, against the body if there is one. Returns the source, or undefined if it is not
 * valid.
 *
 * Texts are compared as latin1, which is byte by byte: the body fields that they must equal are ASCII by contract.
 */
export function checkEnvelope(
  headers: RawRecord['headers'],
  body: Body | undefined,
  findings: Findings,
): string | undefined {
  requireHeader(headers, CE.id, body?.event_id, findings);
  requireHeader(headers, CE.type, body?.event_type, findings);
  requireHeader(headers, CE.specversion, CE_SPECVERSION, findings);
  const source = requireHeader(headers, CE.source, undefined, findings);
  if (source !== undefined && source.length > MAX_SOURCE_LENGTH) {
    findings.fire('structure.envelope_mismatch', CE.source, 'maxLength');
  }
  const time = headerText(headers, CE.time);
  if (time === null) findings.fire('structure.envelope_mismatch', CE.time, 'isSingle');
  else if (time !== undefined && body !== undefined && time !== body.occurred_at) {
    const occurredAt = body.occurred_at;
    const same = typeof occurredAt === 'string' && timestampMicros(time) === timestampMicros(occurredAt);
    if (!same) findings.fire('structure.envelope_mismatch', CE.time, 'equalsBody');
  }
  return source;
}

/** The text of a required header. The rule fires if it is absent, empty, repeated or not the expected value. */
function requireHeader(
  headers: RawRecord['headers'],
  name: string,
  expected: unknown,
  findings: Findings,
): string | undefined {
  const text = headerText(headers, name);
  let constraint: string;
  if (text === undefined || text === '') constraint = 'required';
  else if (text === null) constraint = 'isSingle';
  else if (expected !== undefined && text !== expected) constraint = 'equalsBody';
  else return text;
  findings.fire('structure.envelope_mismatch', name, constraint);
  return undefined;
}

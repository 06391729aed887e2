import { CE, CE_SPECVERSION, timestampMicros } from '@orderstream/contracts';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';
import type { Body } from './body';

/** A source is remembered with every event: it has a bound. */
const MAX_SOURCE_LENGTH = 256;

/** A header's text. null: it is repeated, so that nobody can say which one counts. */
export function headerText(headers: RawRecord['headers'], name: string): string | null | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  return value === null ? undefined : null;
}

/**
 * Holds the CloudEvents attributes against the body, as far as there is one. Returns the source, or undefined where
 * there is none to be had.
 *
 * Texts are compared as latin1, byte for byte: the fields of the body that they must equal are ASCII by contract.
 */
export function checkEnvelope(
  headers: RawRecord['headers'],
  body: Body | undefined,
  findings: Findings,
): string | undefined {
  require(headers, CE.id, body === undefined ? undefined : body.event_id, findings);
  require(headers, CE.type, body === undefined ? undefined : body.event_type, findings);
  require(headers, CE.specversion, CE_SPECVERSION, findings);
  const source = require(headers, CE.source, undefined, findings);
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

/** The text of a required header; fires if it is absent, empty, repeated or not what the body says. */
function require(
  headers: RawRecord['headers'],
  name: string,
  expected: unknown,
  findings: Findings,
): string | undefined {
  const text = headerText(headers, name);
  let problem: string;
  if (text === undefined || text === '') problem = 'required';
  else if (text === null) problem = 'isSingle';
  else if (expected !== undefined && text !== expected) problem = 'equalsBody';
  else return text;
  findings.fire('structure.envelope_mismatch', name, problem);
  return undefined;
}

import { isUtf8 } from 'node:buffer';
import { CE } from '@orderstream/contracts';
import { type AnyLetter, type LetterGroup, type LetterPlace } from '@orderstream/dead-letters';
import { headerFields, type KafkaRecord } from '@orderstream/kafka';
import { type HeaderDto, type LetterDetailDto, type LetterDto, type LetterGroupDto } from './letter.dto';
import { isOpenHeader, maskBody, MASKED } from './personal-data';

/** The fields of a class whose instances are answers. */
type Plain<T> = Pick<T, keyof T>;

const letterId = ({ topic, partition, offset }: LetterPlace): string =>
  `${topic}/${String(partition)}/${String(offset)}`;

/** A dead letter as an answer shows it. It holds no memory of the record. */
export function letterView(letter: AnyLetter): Plain<LetterDto> {
  const { topic, partition, offset, app, reason, fingerprint, attempt, cut, batch, source } = letter;
  const incomplete = [...Object.keys(cut ?? {}), ...(batch === undefined ? [] : ['batch'])];
  return {
    id: letterId(letter),
    ...{ topic, partition, offset, app, reason },
    detail: letter.reasons.map(({ code, path, constraint }) => ({
      code,
      ...(path === undefined ? {} : { path }),
      ...(constraint === undefined ? {} : { constraint }),
    })),
    ...{ fingerprint, attempt },
    failedAt: letter.failedAt.toISOString(),
    firstFailedAt: letter.firstFailedAt.toISOString(),
    key: letter.key?.toString('utf8') ?? null,
    eventType: textOf(letter, CE.type),
    eventId: textOf(letter, CE.id),
    source: { ...source, timestamp: source.timestamp.toISOString() },
    ...(incomplete.length === 0 ? {} : { cut: incomplete }),
  };
}

export const groupView = ({ firstFailedAt, lastFailedAt, path, samples, ...rest }: LetterGroup): LetterGroupDto => ({
  ...rest,
  ...(path === undefined ? {} : { path }),
  firstFailedAt: firstFailedAt.toISOString(),
  lastFailedAt: lastFailedAt.toISOString(),
  samples: samples.map(letterId),
});

/** A dead letter with headers and body. Someone who may not see personal data gets them masked. */
export function letterDetail(letter: AnyLetter, record: KafkaRecord, maySeePersonalData: boolean): LetterDetailDto {
  return {
    ...letterView(letter),
    headers: headerFields(record.headers).map(([name, value]) => headerView(name, value, maySeePersonalData)),
    ...bodyView(letter, maySeePersonalData),
  };
}

function headerView(name: string, value: Buffer | string | null, maySeePersonalData: boolean): HeaderDto {
  if (value === null) return { name, value: null };
  if (!maySeePersonalData && !isOpenHeader(name)) return { name, value: MASKED };
  const bytes = Buffer.from(value);
  return isUtf8(bytes) ? { name, value: bytes.toString('utf8') } : { name, base64: bytes.toString('base64') };
}

function bodyView(
  { value, reason, batch }: AnyLetter,
  maySeePersonalData: boolean,
): Pick<LetterDetailDto, 'body' | 'bodyFormat'> {
  if (value === null) return { bodyFormat: 'none', body: null };
  // A malformed body can be one that a parser takes: with a name that stands twice in an object.
  const isObject = batch === undefined && reason !== 'structure.malformed_json';
  const body = isObject ? objectOf(value) : undefined;
  if (body !== undefined) return { bodyFormat: 'json', body: maySeePersonalData ? body : maskBody(body) };
  if (!maySeePersonalData) return { bodyFormat: 'masked', body: { masked: true, bytes: value.length } };
  return isUtf8(value)
    ? { bodyFormat: 'text', body: { text: value.toString('utf8') } }
    : { bodyFormat: 'base64', body: { base64: value.toString('base64') } };
}

function objectOf(value: Buffer): Readonly<Record<string, unknown>> | undefined {
  if (!isUtf8(value)) return undefined;
  try {
    const parsed: unknown = JSON.parse(value.toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    // Shown as text.
    return undefined;
  }
}

function textOf({ headers }: AnyLetter, name: string): string | null {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : null;
}

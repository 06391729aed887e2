import { CE, MAX_HEADERS_BYTES, MAX_RECORD_BYTES, PARTITIONS } from '@orderstream/contracts';
import { partitionOf } from '../simulation/record';
import { anyEvent, damaged, type Defect } from './defect';

const KEY = 'reject:structure.key_mismatch';
const ENVELOPE = 'reject:structure.envelope_mismatch';

/** Exceeds the limit by more than a record's overhead. */
const TOO_MANY_BYTES = MAX_RECORD_BYTES + 65_536;
const HOUR_MS = 3_600_000;
const SMALL_HEADERS = Object.fromEntries(
  Array.from({ length: 3_000 }, (_, index) => [`h${index.toString()}`, 'value']),
);

function withoutHeader(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));
}

const missingHeader = (name: string): Defect =>
  damaged({ name: `envelope.missing_${name}`, expected: ENVELOPE }, anyEvent, ({ headers }) => ({
    headers: withoutHeader(headers, name),
  }));

const wrongHeader = (name: string, value: (was: string) => string): Defect =>
  damaged({ name: `envelope.wrong_${name}`, expected: ENVELOPE }, anyEvent, ({ headers }) => ({
    headers: { ...headers, [name]: value(headers[name] ?? '') },
  }));

/** Valid bodies in records that are too large or have a wrong key or envelope. */
export const RECORD_SHAPE_DEFECTS: readonly Defect[] = [
  // Trailing white space is valid JSON, so only the size is wrong. Rare, because it is as large as a thousand records.
  damaged({ name: 'size.too_large', expected: 'reject:structure.too_large', weight: 0.15 }, anyEvent, ({ body }) => {
    const json = JSON.stringify(body);
    return { value: Buffer.from(json + ' '.repeat(TOO_MANY_BYTES - json.length)) };
  }),
  damaged({ name: 'size.large_header', expected: 'reject:structure.too_large' }, anyEvent, ({ headers }) => ({
    headers: { ...headers, session: 'x'.repeat(MAX_HEADERS_BYTES) },
  })),
  damaged({ name: 'size.many_headers', expected: 'reject:structure.too_large' }, anyEvent, ({ headers }) => ({
    headers: { ...headers, ...SMALL_HEADERS },
  })),
  damaged({ name: 'key.missing', expected: KEY }, anyEvent, (_, { market }) => ({
    key: null,
    partition: market.rng.index(PARTITIONS),
  })),
  damaged({ name: 'key.wrong', expected: KEY }, anyEvent, (_, { market, seq }) => {
    const key = market.identities.sha256('nobody', seq);
    return { key, partition: partitionOf(key) };
  }),
  damaged({ name: 'key.wrong_partition', expected: KEY }, anyEvent, ({ key }) => ({
    partition: (partitionOf(key) + 1) % PARTITIONS,
  })),
  missingHeader(CE.id),
  missingHeader(CE.type),
  missingHeader(CE.source),
  missingHeader(CE.specversion),
  wrongHeader(CE.id, (id) => id.split('').reverse().join('')),
  // Some frameworks write every header's value as JSON.
  wrongHeader(CE.source, (source) => JSON.stringify(source)),
  damaged({ name: 'envelope.no_uri_source', expected: ENVELOPE }, anyEvent, ({ headers }) => ({
    headers: { ...headers, [CE.source]: 'order generator' },
  })),
  wrongHeader(CE.specversion, () => '0.3'),
  wrongHeader(CE.time, (time) => new Date(Date.parse(time) - HOUR_MS).toISOString()),
];

import {
  HEADER_OVERHEAD_BYTES,
  MAX_HEADERS_BYTES,
  PARTITIONS,
  QUALITY_HEADERS,
  RULE_CODES,
} from '@orderstream/contracts';
import fc from 'fast-check';

import { HeaderAttributes, type Headers } from './header-attributes';

const COORDINATES = { topic: 'marketplace.orders.validated.v1', partition: 3, offset: 4_711 };

/** The attributes as a subscriber receives them; checks the limits of Pub/Sub. */
function received(encoded: readonly Buffer[]): Record<string, string> {
  const attributes = Object.create(null) as Record<string, string>;
  for (let i = 0; i < encoded.length; i += 2) {
    const name = encoded[i] ?? Buffer.alloc(0);
    const value = encoded[i + 1] ?? Buffer.alloc(0);
    expect(name.length).toBeGreaterThan(0);
    expect(name.length).toBeLessThanOrEqual(256);
    expect(value.length).toBeLessThanOrEqual(1_024);
    expect(name.toString().startsWith('goog')).toBe(false);
    expect(Object.hasOwn(attributes, name.toString())).toBe(false);
    attributes[name.toString()] = value.toString();
  }
  expect(Object.keys(attributes).length).toBeLessThanOrEqual(100);
  return attributes;
}

function encode(headers: Headers): Record<string, string> | undefined {
  const encoded = new HeaderAttributes().encode(headers, COORDINATES);
  return encoded && received(encoded);
}

/** Reads headers as a record of Kafka holds them: zigzag varints of the lengths, -1 for a value of null. */
function kafkaHeaders(packed: Buffer): [string, Buffer | null][] {
  let at = 0;
  const length = (): number => {
    let encoded = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = packed[at++] ?? 0;
      encoded |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((encoded >> 1n) ^ -(encoded & 1n));
    }
  };
  const bytes = (count: number): Buffer => {
    if (count < 0 || at + count > packed.length) throw new Error(`${String(count)} bytes at ${String(at)}`);
    return packed.subarray(at, (at += count));
  };
  const headers: [string, Buffer | null][] = [];
  while (at < packed.length) {
    const name = bytes(length()).toString();
    const size = length();
    headers.push([name, size < 0 ? null : bytes(size)]);
  }
  return headers;
}

const overflowOf = (attributes: Readonly<Record<string, string>>): [string, Buffer | null][] => {
  let text = '';
  for (let i = 0; Object.hasOwn(attributes, `kafka_headers_${String(i)}`); i++) {
    text += attributes[`kafka_headers_${String(i)}`] ?? '';
  }
  return kafkaHeaders(Buffer.from(text, 'base64'));
};

/** The headers that the documented mapping gives these attributes. */
function decode(attributes: Readonly<Record<string, string>>): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>;
  for (const [attribute, text] of Object.entries(attributes)) {
    if (/^kafka_(topic|partition|offset|headers_\d+)$/.test(attribute)) continue;
    headers[attribute.replace(/^ce-/, 'ce_')] = Buffer.from(text);
  }
  for (const [header, value] of overflowOf(attributes)) {
    const earlier = headers[header];
    headers[header] = earlier === undefined ? value : [earlier, value].flat();
  }
  return headers;
}

/** `[name, value]` of every header value. */
const entriesOf = (given: Headers): [string, Buffer | null][] =>
  Object.entries(given).flatMap(([header, value]) =>
    [value].flat().map((one): [string, Buffer | null] => [header, one === null ? null : Buffer.from(one as string)]),
  );

/** What the validator measures: the names, the values, and an overhead for each header. */
const measured = (given: Headers): number =>
  entriesOf(given).reduce(
    (sum, [header, value]) => sum + Buffer.byteLength(header) + (value?.length ?? 0) + HEADER_OVERHEAD_BYTES,
    0,
  );

/** The values of each name in their order, in one text that is quick to compare. */
const contents = (headers: Headers): string =>
  entriesOf(headers)
    .map(([header, value]) => [header, value === null ? null : value.toString('latin1')] as const)
    // Stable: the values of a name keep their order.
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((entry) => JSON.stringify(entry))
    .join('\n');

const name = fc.oneof(
  fc.constantFrom(
    'ce_id',
    'ce-id',
    'content-type',
    'traceparent',
    'goog_x',
    'kafka_topic',
    'kafka_headers_0',
    '',
    '__proto__',
    'constructor',
    'é',
  ),
  fc.string({ minLength: 0, maxLength: 12, unit: 'grapheme' }),
  fc.string({ minLength: 250, maxLength: 300 }),
);
const one = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.integer({ min: 1_020, max: 1_030 }).map((length) => Buffer.alloc(length, 'x')) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const value = fc.oneof(
  { weight: 4, arbitrary: one },
  { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 4 }) },
);
const headers = fc
  .array(fc.tuple(name, value), { maxLength: 140 })
  .map((entries) => Object.assign(Object.create(null) as Record<string, unknown>, Object.fromEntries(entries)));

function expectRoundTrip(given: Headers): void {
  const attributes = encode(given);
  if (attributes === undefined) throw new Error(`${String(measured(given))} bytes of headers do not fit`);
  if (contents(decode(attributes)) !== contents(given)) throw new Error('the decoded headers differ');
}

/** Header lists that are repeated, with other names or more values of a name, up to the validator's limit. */
const shapes = fc.array(
  fc.record({
    nameBytes: fc.oneof(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 200, max: 300 }),
      fc.integer({ min: 0, max: 9_000 }),
    ),
    value: fc.oneof(
      fc.constant(null),
      fc.constant(Buffer.alloc(0)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 1, max: 66_000 }).map((length) => Buffer.alloc(length, 'x')),
      fc.integer({ min: 1, max: 2_000 }).map((length) => Buffer.alloc(length, 0xff)),
    ),
    repeated: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
type Shape = typeof shapes extends fc.Arbitrary<infer S> ? S : never;

function filled(list: Shape): Headers {
  const given = Object.create(null) as Record<string, (Buffer | null)[]>;
  let bytes = 0;
  for (let n = 0; ; n++) {
    const shape = list[n % list.length];
    if (shape === undefined) return given;
    const { nameBytes, value, repeated } = shape;
    const header = (repeated ? String(n % list.length) : n.toString(36)).padStart(Math.max(0, nameBytes), 'n');
    const size = Buffer.byteLength(header) + (value?.length ?? 0) + HEADER_OVERHEAD_BYTES;
    const rest = MAX_HEADERS_BYTES - bytes;
    if (size > rest) {
      // The last header takes what is left.
      if (rest > HEADER_OVERHEAD_BYTES) given['~'] = [Buffer.alloc(rest - HEADER_OVERHEAD_BYTES - 1, 0xfe)];
      return given;
    }
    bytes += size;
    (given[header] ??= []).push(value);
  }
}

/** The largest headers that the validator adds: every rule flags, and offsets of 16 digits. */
const ADDED: Headers = {
  [QUALITY_HEADERS.flags]: Buffer.from(RULE_CODES.join(',')),
  [QUALITY_HEADERS.catalogPosition]: Buffer.from(JSON.stringify(Array(PARTITIONS).fill(Number.MAX_SAFE_INTEGER))),
  [QUALITY_HEADERS.settings]: Buffer.from(String(Number.MAX_SAFE_INTEGER)),
};

describe('HeaderAttributes', () => {
  it('encodes headers within the limits of Pub/Sub, and the documented mapping decodes them to the same headers', () => {
    fc.assert(
      fc.property(headers, (given) => {
        fc.pre(measured(given) <= MAX_HEADERS_BYTES);
        expectRoundTrip(given);
      }),
      { numRuns: 300 },
    );
  });

  it('carries all that the validator accepts, and the headers that services add, up to the last byte', () => {
    let full = 0;
    fc.assert(
      fc.property(shapes, (list) => {
        const given = filled(list);
        if (measured(given) > MAX_HEADERS_BYTES - 64) full++;
        expectRoundTrip({ ...ADDED, ...given });
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect(full).toBeGreaterThan(50);
  });

  it('maps CloudEvents headers to the names of the Pub/Sub binding and adds the coordinates of the record', () => {
    expect(
      encode({ ce_id: 'e-1', ce_type: 'order.placed', 'content-type': 'application/json', traceparent: '00-a' }),
    ).toEqual({
      kafka_topic: COORDINATES.topic,
      kafka_partition: '3',
      kafka_offset: '4711',
      'ce-id': 'e-1',
      'ce-type': 'order.placed',
      'content-type': 'application/json',
      traceparent: '00-a',
    });
  });

  it.each<[string, Headers]>([
    ['a repeated header', { twice: [Buffer.from('a'), Buffer.from('b')] }],
    ['bytes that are not UTF-8', { bytes: Buffer.from([0xff, 0x00]) }],
    ['a name that begins with goog', { googclient_x: 'y' }],
    ['a value above 1,024 bytes', { long: 'é'.repeat(513) }],
    ['a name above 256 bytes', { ['n'.repeat(257)]: 'v' }],
    ['a name that is the attribute name of another header', { 'ce-id': 'literal' }],
    ['a reserved name', { kafka_offset: '1' }],
    ['a null value', { nothing: null }],
    ['an empty name', { '': 'v' }],
  ])('moves %s into kafka_headers_N', (_, given) => {
    const attributes = encode({ ...given, plain: 'p' }) ?? {};
    const names = Object.keys(attributes).sort();
    const overflow = names.filter((each) => each.startsWith('kafka_headers_'));
    expect(names.filter((each) => !overflow.includes(each))).toEqual([
      'kafka_offset',
      'kafka_partition',
      'kafka_topic',
      'plain',
    ]);
    expect(overflowOf(attributes)).toEqual(entriesOf(given));
  });

  it('maps up to 97 headers to attributes of their own, and moves the smallest of more to the overflow', () => {
    const many = (count: number): Headers =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${String(i).padStart(3, '0')}`, 'v'.repeat(i)]));
    expect(encode(many(97))).not.toHaveProperty('kafka_headers_0');
    const packed = encode(many(98)) ?? {};
    // One overflow attribute takes the place of the two smallest headers.
    expect(
      Object.keys(packed)
        .filter((each) => /^h|^kafka_headers/.test(each))
        .sort(),
    ).toEqual([...Object.keys(many(98)).slice(2), 'kafka_headers_0'].sort());
    expect(Object.keys(decode(packed)).sort()).toEqual(Object.keys(many(98)).sort());
    const short = Object.fromEntries(Object.keys(many(500)).map((header) => [header, Buffer.from('v')]));
    expect(decode(encode(short) ?? {})).toEqual(short);
  });

  it('writes the overflow as a record of Kafka holds its headers', () => {
    const { kafka_headers_0: text = '' } = encode({ a: [Buffer.from('é'), null, Buffer.alloc(0)] }) ?? {};
    // By the documentation: the zigzag varint of 1, "a", that of 2, "é"; that of -1 for null; that of 0.
    expect(Buffer.from(text, 'base64').toString('hex')).toBe('026104c3a9' + '026101' + '026100');
  });

  it('rejects headers only when they do not fit into the overflow', () => {
    // 97 attributes of 1,024 characters of base64 hold 74,496 bytes: 1 of the name, 1 and 3 of the lengths.
    expect(encode({ h: Buffer.alloc(74_491, 0xff) })).toBeDefined();
    expect(encode({ h: Buffer.alloc(74_492, 0xff) })).toBeUndefined();
  });
});

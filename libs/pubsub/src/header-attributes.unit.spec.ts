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

/** The headers that the documented mapping gives these attributes. */
function decode(attributes: Readonly<Record<string, string>>): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>;
  let overflow = '';
  for (let i = 0; Object.hasOwn(attributes, `kafka_headers_${String(i)}`); i++) {
    overflow += attributes[`kafka_headers_${String(i)}`] ?? '';
  }
  for (const [attribute, text] of Object.entries(attributes)) {
    if (/^kafka_(topic|partition|offset|headers_\d+)$/.test(attribute)) continue;
    headers[attribute.replace(/^ce-/, 'ce_')] = Buffer.from(text);
  }
  const entries = overflow === '' ? [] : (JSON.parse(Buffer.from(overflow, 'base64').toString()) as unknown);
  for (const [header, base64] of entries as [string, string | null][]) {
    const value = base64 === null ? null : Buffer.from(base64, 'base64');
    const earlier = headers[header];
    headers[header] = earlier === undefined ? value : [earlier, value].flat();
  }
  return headers;
}

/** `[name, base64]` of every header value. */
const entriesOf = (given: Headers): [string, string | null][] =>
  Object.entries(given).flatMap(([header, value]) =>
    [value]
      .flat()
      .map((one): [string, string | null] => [
        header,
        one === null ? null : Buffer.from(one as string).toString('base64'),
      ]),
  );

/** The headers as a consumer reads them: strings are bytes. */
const asRead = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(asRead);
  return typeof value === 'string' ? Buffer.from(value) : value;
};

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

describe('HeaderAttributes', () => {
  it('encodes headers within the limits of Pub/Sub, and the documented mapping decodes them to the same headers', () => {
    fc.assert(
      fc.property(headers, (given) => {
        const attributes = encode(given);
        if (attributes === undefined) {
          // Only headers that do not even fit as JSON into 97 attributes of base64.
          expect(Buffer.byteLength(JSON.stringify(entriesOf(given)))).toBeGreaterThan(74_400);
          return;
        }
        const decoded = decode(attributes);
        expect(Object.keys(decoded).sort()).toEqual(Object.keys(given).sort());
        for (const key of Object.keys(given)) expect(decoded[key]).toEqual(asRead(given[key]));
      }),
      { numRuns: 300 },
    );
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
    const text = Buffer.from(overflow.map((each) => attributes[each]).join(''), 'base64').toString();
    expect(JSON.parse(text)).toEqual(entriesOf(given));
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

  it('rejects headers only when they do not fit into the overflow', () => {
    // Encoded as base64 twice: 97 attributes of 1,024 bytes hold 74,496 bytes of JSON, about 55 kB of header.
    expect(encode({ huge: Buffer.alloc(55_000, 0xff) })).toBeDefined();
    expect(encode({ huge: Buffer.alloc(56_000, 0xff) })).toBeUndefined();
  });
});

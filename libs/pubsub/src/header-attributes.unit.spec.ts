import fc from 'fast-check';

import { decodeHeaders, HeaderAttributes, type Headers } from './header-attributes';
import { LIMITS } from './message';

const PLACE = { topic: 'marketplace.orders.validated.v1', partition: 3, offset: 4_711 };

/** Attributes as a subscriber gets them, after checking that Pub/Sub would take them. */
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
  expect(Object.keys(attributes).length).toBeLessThanOrEqual(LIMITS.attributesPerMessage);
  return attributes;
}

function encode(headers: Headers): Record<string, string> | undefined {
  const encoded = new HeaderAttributes().encode(headers, PLACE);
  return encoded && received(encoded);
}

/** Strings become bytes, as the broker would give them back. */
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
  it('loses nothing: what was encoded decodes to the same headers, and every attribute is within the limits', () => {
    fc.assert(
      fc.property(headers, (given) => {
        const attributes = encode(given);
        if (attributes === undefined) return;
        const decoded = decodeHeaders(attributes);
        expect(Object.keys(decoded).sort()).toEqual(Object.keys(given).sort());
        for (const key of Object.keys(given)) expect(decoded[key]).toEqual(asRead(given[key]));
      }),
      { numRuns: 300 },
    );
  });

  it('maps CloudEvents headers to the names of the Pub/Sub binding and tells the place in the log', () => {
    expect(
      encode({ ce_id: 'e-1', ce_type: 'order.placed', 'content-type': 'application/json', traceparent: '00-a' }),
    ).toEqual({
      kafka_topic: PLACE.topic,
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
    ['a name that would read back as another', { 'ce-id': 'literal' }],
    ['a name that the bridge uses itself', { kafka_offset: '1' }],
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
    expect(JSON.parse(text)).toEqual(
      Object.entries(given).flatMap(([key, each]) =>
        (Array.isArray(each) ? (each as unknown[]) : [each]).map((part) => [
          key,
          part === null ? null : Buffer.from(part as string).toString('base64'),
        ]),
      ),
    );
  });

  it('keeps 97 headers as attributes and packs the smallest of more', () => {
    const many = (count: number): Headers =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${String(i)}`, 'v'.repeat(i % 50)]));
    expect(encode(many(97))).not.toHaveProperty('kafka_headers_0');
    const packed = encode(many(500)) ?? {};
    expect(packed).toHaveProperty('kafka_headers_0');
    expect(Object.keys(decodeHeaders(packed))).toHaveLength(500);
  });

  it('gives up only when even the overflow overflows', () => {
    // base64 of base64: 97 attributes of 1,024 hold 74,496 bytes of JSON, that is about 55 kB of header.
    expect(encode({ huge: Buffer.alloc(55_000, 0xff) })).toBeDefined();
    expect(encode({ huge: Buffer.alloc(56_000, 0xff) })).toBeUndefined();
  });
});

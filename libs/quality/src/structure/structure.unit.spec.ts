import { CE, MAX_HEADERS_BYTES, MAX_RECORD_BYTES, RULE_CODES } from '@orderstream/contracts';
import * as fc from 'fast-check';
import type { RawRecord, Reason } from '../index';
import { TestPartition, evaluatorFor, PARTITION, placed, recordOf, sha } from '../../test/fixtures';
import { damagedText, jsonText, referenceParse } from '../../test/json';
import { parseBody } from './body';
import { jsonDetails, scanJson } from './json-scan';

const reasonsOf = (record: RawRecord): readonly Reason[] => {
  const verdict = new TestPartition().evaluate(record);
  return verdict.kind === 'reject' ? verdict.reasons : [];
};
/** The name of a reason's constraint. */
const nameOf = (reason: Reason | undefined): string | undefined => reason?.constraint?.split(':')[0];
const EVENT = placed({ event_id: 'e-1' });
const json = (): string => JSON.stringify(EVENT);
/** A valid body, and then another member. */
const doubled = (name: string, value: unknown): string => `${json().slice(0, -1)},"${name}":${JSON.stringify(value)}}`;
/** A valid body in which a number is written like this. */
const spelled = (name: string, spelling: string): string => json().replace(`"${name}":2`, `"${name}":${spelling}`);
const valueOf = (value: Buffer | string | null): RawRecord =>
  recordOf(EVENT, { value: value === null ? null : Buffer.from(value) });
const without = (headers: RawRecord['headers'], name: string): RawRecord['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));

describe('structure rules', () => {
  it('accept a record that meets its contract', () => {
    expect(new TestPartition().evaluate(recordOf(placed()))).toEqual({ kind: 'accept', flags: [] });
  });

  it.each<[string, Buffer | string | null, string]>([
    ['not JSON', 'hello', 'isJson'],
    ['truncated JSON', JSON.stringify(placed()).slice(0, -10), 'isJson'],
    ['an empty value', '', 'isJson'],
    ['a byte order mark', `\uFEFF${JSON.stringify(placed())}`, 'isJson'],
    ['an array', JSON.stringify([placed()]), 'isObject'],
    ['a number', '17', 'isObject'],
    ['null', 'null', 'isObject'],
    ['arrays nested 1,000 deep', '['.repeat(1_000) + ']'.repeat(1_000), 'isObject'],
    ['arrays nested 500,000 deep', '['.repeat(500_000) + ']'.repeat(500_000), 'isObject'],
    ['a tombstone', null, 'required'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), 'isUtf8'],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'isUtf8'],
    [
      'a lone surrogate',
      JSON.stringify(placed({ vendor_name: 'Becker' })).replace('Becker', '\\ud83d'),
      'isWellFormed',
    ],
    ['a lone surrogate in a name', '{"a":{"\\uDE00":1}}', 'isWellFormed'],
    ['a name that stands twice', doubled('item_quantity', 2), 'isUniqueName'],
    ['a name that stands twice with the same value', doubled('vendor_name', 'Becker and Sons'), 'isUniqueName'],
    ['a name that stands twice, once escaped', doubled('item\\u005fquantity', 2), 'isUniqueName'],
    ['a name that stands twice in a nested object', '{"event_type":{"a":1,"b":[{"c":1,"c":1}]}}', 'isUniqueName'],
    [
      'a name that stands twice at a depth of 100,000',
      '{"a":'.repeat(100_000) + '{"b":1,"b":2}' + '}'.repeat(100_000),
      'isUniqueName',
    ],
    ['__proto__ twice', '{"__proto__":1,"__proto__":1}', 'isUniqueName'],
  ])('reject %s as malformed', (_, value, constraint) => {
    const [reason] = reasonsOf(valueOf(value));
    expect(reason).toMatchObject({ code: 'structure.malformed_json', path: 'value' });
    expect(nameOf(reason)).toBe(constraint);
  });

  it('name what stands twice', () => {
    expect(reasonsOf(valueOf(doubled('item_quantity', 2)))[0]?.constraint).toBe(
      'isUniqueName: expected each name once in an object, found "item_quantity" again',
    );
  });

  it.each(['2e0', '2E0', '20e-1', '2.0', '2.0000000000000000001', '0.2e1', '-0', '-0.0', '1e400', '9007199254740993'])(
    'reject the integer %s, and quote it as it is written',
    (spelling) => {
      expect(reasonsOf(valueOf(spelled('item_quantity', spelling)))).toEqual([
        {
          code: 'structure.invalid_field',
          path: 'item_quantity',
          constraint: `isWholeNumber: expected an integer from 1 to 1000, found ${spelling}`,
        },
      ]);
    },
  );

  it.each(['1', '2', '1000', '2 ', '\n2'])('accept the integer %j', (spelling) => {
    expect(new TestPartition().evaluate(valueOf(spelled('item_quantity', spelling))).kind).toBe('accept');
  });

  it('do not take a text for a number or a name', () => {
    const verdict = new TestPartition(evaluatorFor('orders', { 'drift.product': 'off' })).evaluateBody(
      placed({ item_name: '"item_name": 2.0e1, {"a":1,"a":1} [-0] \\' }),
    );
    expect(verdict).toEqual({ kind: 'accept', flags: [] });
  });

  it('agree with an independent parser on JSON with repeated names, escapes and other spellings of numbers', () => {
    const seen = { malformed: 0, repeated: 0, odd: 0, plain: 0 };
    fc.assert(
      fc.property(fc.oneof(jsonText, fc.tuple(jsonText, fc.nat(), fc.string()).map(damagedText)), (text) => {
        const expected = referenceParse(text);
        const parsed = parseBody(Buffer.from(text));
        const found = typeof parsed === 'string' ? (parsed.split(':')[0] ?? '') : parsed.plainNumbers ? 'plain' : 'odd';
        expect(found).toBe(expected);
        if (expected === 'plain' || expected === 'odd') seen[expected]++;
        else seen[expected === 'isUniqueName' ? 'repeated' : 'malformed']++;
        const { repeatedName } = expected === 'isUniqueName' ? jsonDetails(text) : { repeatedName: 'none' };
        expect(repeatedName).toBeDefined();
      }),
      { numRuns: 3_000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it('scan any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(scanJson(bytes).names).toBeLessThanOrEqual(bytes.length);
        expect(typeof parseBody(Buffer.from(bytes))).not.toBe('undefined');
      }),
    );
  });

  it('accept an escaped pair of surrogates', () => {
    const body = placed({ vendor_name: 'Becker' });
    const value = Buffer.from(JSON.stringify(body).replace('Becker', '\\ud83d\\ude00'));
    const partition = new TestPartition(evaluatorFor('orders', { 'drift.vendor': 'off' }));
    expect(partition.evaluate(recordOf(body, { value })).kind).toBe('accept');
  });

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    ['a number as a string', { item_quantity: '2' }, 'item_quantity', 'isWholeNumber'],
    ['a string as a number', { item_price: 12.9 }, 'item_price', 'isDecimalString'],
    ['a missing field', { vendor_name: undefined }, 'vendor_name', 'isDefined'],
    ['an unknown field', { colour: 'red' }, 'colour', 'whitelistValidation'],
    ['an unknown field with a depth of 1,000', { deep: deep(1_000) }, 'deep', 'whitelistValidation'],
    ['a time that does not exist', { order_placed_at: '2026-02-30T00:00:00.000Z' }, 'order_placed_at', 'isTimestamp'],
  ])('name the field and the constraint of %s', (_, fields, path, constraint) => {
    const reason = reasonsOf(recordOf(placed(fields))).find((each) => each.path === path);
    expect(reason?.code).toBe('structure.invalid_field');
    expect(nameOf(reason)).toBe(constraint);
  });

  it.each<[Readonly<Record<string, unknown>>, string]>([
    [{ item_quantity: '2' }, 'isWholeNumber: expected an integer from 1 to 1000, found "2"'],
    [{ item_quantity: [2] }, 'isWholeNumber: expected an integer from 1 to 1000, found an array'],
    [{ item_price: 12.5 }, 'isDecimalString: expected a string such as "129.90", found 12.5'],
    [{ vendor_id: undefined }, 'isDefined: expected a value, found nothing'],
    [{ vendor_id: null }, 'isDefined: expected a value, found null'],
    [{ vendor_vertical: 'Toys' }, 'isOneOf: expected one of 7 values, found "Toys"'],
    // Personal data stays out of the reasons.
    [
      { vendor_name: ' '.repeat(7) },
      'isText: expected a string of 1 to 256 code units, found a string of 7 code units',
    ],
    [{ order_placed_at: '2026-03-01T11:00:00+00:00' }, 'isTimestamp: expected Z, found +00:00'],
    [{ order_placed_at: '2026-03-01T11:00:00' }, 'isTimestamp: expected Z, found no time zone'],
    [{ order_placed_at: '2026-03-01T11:00:00.1234567Z' }, 'isTimestamp: expected at most 6 decimals, found 7'],
    [{ order_placed_at: '2200-03-01T11:00:00Z' }, 'isTimestamp: expected a year from 1970 to 2199, found 2200'],
    [
      { order_placed_at: '2026-02-30T11:00:00Z' },
      'isTimestamp: expected a time that exists, found 2026-02-30T11:00:00Z',
    ],
    [{ order_placed_at: 'today' }, 'isTimestamp: expected a time such as 2026-01-02T03:04:05Z, found "today"'],
  ])('say what was expected and found in %j', (fields, constraint) => {
    expect(reasonsOf(recordOf(placed(fields))).map((reason) => reason.constraint)).toEqual([constraint]);
  });

  it('treat __proto__ as an unknown field', () => {
    const json = `{"__proto__":{"polluted":true},${JSON.stringify(placed()).slice(1)}`;
    expect(reasonsOf(valueOf(json))).toContainEqual({
      code: 'structure.invalid_field',
      path: '__proto__',
      constraint: 'whitelistValidation: expected no field of this name',
    });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('report all problems, not only the first', () => {
    const reasons = reasonsOf(
      recordOf(placed({ item_quantity: 0, item_price: '1', colour: 'red' }), { key: Buffer.from('x') }),
    );
    expect(reasons.map(({ code, path }) => `${code} ${path ?? ''}`)).toEqual([
      'structure.invalid_field item_price',
      'structure.invalid_field item_quantity',
      'structure.invalid_field colour',
      'structure.key_mismatch key',
    ]);
  });

  it.each([
    ['unknown', 'order.teleported'],
    ['of another version', 'order.placed.v2'],
    ['of another family', 'vendor.onboarded'],
    ['an inherited member of every object', 'constructor'],
  ])('reject a type that is %s', (_, type) => {
    expect(reasonsOf(recordOf(placed({ event_type: type })))[0]).toEqual({
      code: 'structure.unknown_type',
      path: 'event_type',
      constraint: `isKnownType: expected an event type of this topic, found ${type}`,
    });
  });

  it('check a body without a type against the type of its envelope', () => {
    const body = placed();
    const record = recordOf(body, { value: Buffer.from(JSON.stringify({ ...body, event_type: undefined })) });
    expect(reasonsOf(record)[0]).toMatchObject({ code: 'structure.invalid_field', path: 'event_type' });
  });

  it('reject a record above 1 MiB before it is parsed', () => {
    const unparsable = recordOf(placed(), { value: Buffer.alloc(2 * MAX_RECORD_BYTES, '[') });
    expect(reasonsOf(unparsable)).toMatchObject([{ code: 'structure.too_large', path: 'value' }]);
    expect(reasonsOf(unparsable)[0]?.constraint).toMatch(/^maxBytes: expected at most 1048576 bytes, found 20973\d\d$/);
  });

  it('accept a record of exactly 1 MiB, counted over key, value and headers', () => {
    const record = recordOf(placed());
    const headerBytes = Object.entries(record.headers).reduce(
      (sum, [name, value]) => sum + name.length + sizeOf(value),
      0,
    );
    const valueBytes = MAX_RECORD_BYTES - headerBytes - sizeOf(record.key);
    const padded = (bytes: number): RawRecord => ({
      ...record,
      value: Buffer.from(String(record.value).padEnd(bytes)),
    });
    expect(new TestPartition().evaluate(padded(valueBytes)).kind).toBe('accept');
    expect(reasonsOf(padded(valueBytes + 1)).map(({ code }) => code)).toEqual(['structure.too_large']);
  });

  it.each<[string, (bytes: number) => Record<string, (Buffer | string | null)[] | Buffer | string>]>([
    ['one header', (bytes) => ({ junk: Buffer.alloc(bytes - 4 - 16) })],
    ['one header of text', (bytes) => ({ junk: 'é'.repeat((bytes - 4 - 16) / 2) })],
    ['one header with a long name', (bytes) => ({ ['é'.repeat((bytes - 16) / 2)]: '' })],
    ['a repeated header', (bytes) => ({ junk: [Buffer.alloc(bytes / 2 - 20), null, 'x'.repeat(bytes / 2 - 40)] })],
    [
      'many small headers',
      (bytes) =>
        Object.fromEntries(
          Array.from({ length: bytes / 32 }, (_, index) => [index.toString().padStart(8, '0'), '12345678']),
        ),
    ],
  ])('accept 64 KiB of headers, and reject more: %s', (_, headersOf) => {
    const record = recordOf(placed());
    const own = Object.entries(record.headers).reduce(
      (sum, [name, value]) => sum + 16 + name.length + sizeOf(value),
      0,
    );
    const rest = Math.floor((MAX_HEADERS_BYTES - own) / 32) * 32;
    const withHeaders = (bytes: number): RawRecord => ({
      ...record,
      headers: { ...record.headers, ...headersOf(bytes) },
    });
    expect(new TestPartition().evaluate(withHeaders(rest)).kind).toBe('accept');
    expect(reasonsOf(withHeaders(rest + 32))).toEqual([
      {
        code: 'structure.too_large',
        path: 'headers',
        constraint: `maxBytes: expected at most 65536 bytes, found ${String(own + rest + 32)}`,
      },
    ]);
  });

  it('reject a key that is missing, not the contract’s field, or in another partition', () => {
    const code = 'structure.key_mismatch';
    expect(reasonsOf(recordOf(placed(), { key: null }))).toEqual([
      { code, path: 'key', constraint: 'required: expected a key, found none' },
    ]);
    expect(reasonsOf(recordOf(placed(), { key: Buffer.from('another') }))).toEqual([
      { code, path: 'key', constraint: `equals:customer_id: expected ${sha('customer').slice(0, 39)}…, found another` },
    ]);
    expect(reasonsOf(recordOf(placed(), { partition: PARTITION + 1 }))).toEqual([
      { code, path: 'key', constraint: 'isInItsPartition: expected 3 (murmur2), found 4' },
    ]);
  });

  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_specversion'])('require the attribute %s', (name) => {
    const record = recordOf(placed());
    const code = 'structure.envelope_mismatch';
    expect(reasonsOf({ ...record, headers: without(record.headers, name) })).toEqual([
      { code, path: name, constraint: 'required: expected a value, found none' },
    ]);
    const twice = [Buffer.from('a'), Buffer.from('b')];
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: twice } })).toEqual([
      { code, path: name, constraint: 'isSingle: expected one value, found several' },
    ]);
  });

  it.each(['ce_id', 'ce_type', 'ce_time'])('reject %s that disagrees with the body', (name) => {
    const record = recordOf(placed());
    const own = String(record.headers[name]);
    const code = 'structure.envelope_mismatch';
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: Buffer.from('other') } })).toEqual([
      { code, path: name, constraint: `equalsBody: expected ${own}, found other` },
    ]);
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: Buffer.from(`"${own}"`) } })).toEqual([
      { code, path: name, constraint: `isUnquoted: expected ${own}, found "${own}"` },
    ]);
  });

  it('name the zone of a ce_time that is not written as the contract has it', () => {
    const record = recordOf(placed({ occurred_at: '2026-03-01T11:59:59Z' }));
    const headers = { ...record.headers, ce_time: Buffer.from('2026-03-01T11:59:59+00:00') };
    expect(reasonsOf({ ...record, headers })[0]?.constraint).toBe(
      'equalsBody: expected 2026-03-01T11:59:59Z, found 2026-03-01T11:59:59+00:00',
    );
  });

  const fromSource = (source: Buffer | string): RawRecord => {
    const record = recordOf(placed());
    return { ...record, headers: { ...record.headers, ce_source: Buffer.from(source) } };
  };

  it.each<[string, Buffer | string, string]>([
    ['in quotes', '"/shop"', 'isUnquoted: expected /shop, found "/shop"'],
    ['of blanks', '   ', 'isUriReference: expected a URI reference (RFC 3986), found "   "'],
    ['with control characters', '/a\0\n', 'isUriReference: expected a URI reference (RFC 3986), found "/a\\u0000\\n"'],
    ['with an incomplete escape', '/a%2', 'isUriReference: expected a URI reference (RFC 3986), found "/a%2"'],
    [
      'with a character that is not ASCII',
      '/münchen',
      'isUriReference: expected a URI reference (RFC 3986), found "/münchen"',
    ],
    ['with a colon in the first segment', '1a:b', 'isUriReference: expected a URI reference (RFC 3986), found "1a:b"'],
    ['that is not UTF-8', Buffer.from([0x2f, 0xff, 0xfe]), 'isUtf8: expected UTF-8, found other bytes'],
    ['of 1,025 bytes', `/${'a'.repeat(1_024)}`, 'maxBytes: expected at most 1024 bytes, found 1025'],
  ])('reject a ce_source %s', (_, source, constraint) => {
    expect(reasonsOf(fromSource(source))).toEqual([
      { code: 'structure.envelope_mismatch', path: 'ce_source', constraint },
    ]);
  });

  it.each([
    '/shop',
    'shop',
    'urn:uuid:6e8bc430',
    'https://shop.example:8080/a/b?c=%20#d',
    '//host/x',
    '#a',
    `/${'a'.repeat(1_023)}`,
  ])('accept the ce_source %s', (source) => {
    expect(new TestPartition().evaluate(fromSource(source)).kind).toBe('accept');
  });

  it('take a header whose value is null for absent', () => {
    const record = recordOf(placed());
    const withHeaders = (headers: RawRecord['headers']): RawRecord => ({
      ...record,
      headers: { ...record.headers, ...headers },
    });
    const accepted = withHeaders({
      traceparent: null,
      baggage: [null, Buffer.from('a=1')],
      ce_time: null,
      ce_subject: [null],
    });
    expect(new TestPartition().evaluate(accepted)).toEqual({ kind: 'accept', flags: [] });
    expect(new TestPartition().evaluate(withHeaders({ ce_source: [null, Buffer.from('/shop')] })).kind).toBe('accept');
    for (const value of [null, [null], [null, null]]) {
      expect(reasonsOf(withHeaders({ ce_source: value }))).toEqual([
        {
          code: 'structure.envelope_mismatch',
          path: 'ce_source',
          constraint: 'required: expected a value, found none',
        },
      ]);
    }
  });

  it('accept a ce_time that is the same time in another notation, and a missing one', () => {
    const record = recordOf(placed({ occurred_at: '2026-03-01T11:59:59Z' }));
    const headers = { ...record.headers, ce_time: Buffer.from('2026-03-01T11:59:59.000Z') };
    expect(new TestPartition().evaluate({ ...record, headers }).kind).toBe('accept');
    expect(new TestPartition().evaluate({ ...record, headers: without(headers, 'ce_time') }).kind).toBe('accept');
  });

  it('reject any key, bytes and headers with a path and a constraint for each reason', () => {
    const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...TYPED));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), texts).map((value) => Buffer.from(value));
    const headerValue = fc.oneof(
      bytes,
      texts,
      fc.constantFrom(null, undefined),
      fc.array(fc.oneof(bytes, texts, fc.constantFrom(null))),
    );
    const headerName = fc.oneof(fc.constantFrom(...Object.values(CE), '__proto__', 'constructor'), fc.string());
    const records = fc.record({
      partition: fc.nat(),
      timestamp: fc.nat(),
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.dictionary(headerName, headerValue),
    });
    fc.assert(
      fc.property(records, (record) => {
        const reasons = reasonsOf(record);
        expect(reasons.length).toBeGreaterThan(0);
        for (const reason of reasons) expectComplete(reason);
      }),
      { numRuns: 2_000 },
    );
  });

  it('accept a valid record with one arbitrary field, or reject it with a path and a constraint', () => {
    const order = placed();
    const outcomes = { accept: 0, reject: 0 };
    const name = fc.oneof(fc.constantFrom(...Object.keys(order)), fc.string());
    fc.assert(
      fc.property(name, fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(order))), (field, value) => {
        const body = Object.fromEntries([...Object.entries(order), [field, value]]);
        const verdict = new TestPartition().evaluate(recordOf(order, { value: Buffer.from(JSON.stringify(body)) }));
        if (verdict.kind !== 'reject') {
          outcomes.accept++;
          expect(['accept', 'repair']).toContain(verdict.kind);
          return;
        }
        outcomes.reject++;
        for (const reason of verdict.reasons) expectComplete(reason);
      }),
      { numRuns: 2_000 },
    );
    expect(outcomes.accept).toBeGreaterThan(10);
    expect(outcomes.reject).toBeGreaterThan(1_000);
  });
});

/** Bodies that reach the check of the fields. */
const TYPED = ['{}', '{"event_type":1}', '{"event_type":{}}', '{"event_type":"order.placed"}', '{"__proto__":{}}'];

function expectComplete({ code, path, constraint }: Reason): void {
  expect(RULE_CODES).toContain(code);
  expect(path).not.toBeUndefined();
  expect(constraint).toMatch(/^\w/);
}

const sizeOf = (value: RawRecord['headers'][string]): number => (Buffer.isBuffer(value) ? value.length : 0);

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { a: value };
  return value;
}

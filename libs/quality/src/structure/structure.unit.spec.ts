import { CE, MAX_HEADERS_BYTES, MAX_RECORD_BYTES, RULE_CODES } from '@orderstream/contracts';
import * as fc from 'fast-check';
import type { RawRecord, Reason } from '../index';
import { nameOf, PARTITION, placed, reasonsOf, recordOf, sha, TestPartition } from '../../test/fixtures';

describe('structure rules', () => {
  it('accept a record that meets its contract', () => {
    expect(new TestPartition().evaluate(recordOf(placed()))).toEqual({ kind: 'accept', flags: [] });
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
    expect(reasonsOf(recordOf(placed(), { value: Buffer.from(json) }))).toContainEqual({
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

import { CE, MAX_RECORD_BYTES, RULE_CODES } from '@orderstream/contracts';
import * as fc from 'fast-check';
import type { RawRecord, Reason } from '../index';
import { TestPartition, evaluatorFor, PARTITION, placed, recordOf, sha } from '../../test/fixtures';

const reasonsOf = (record: RawRecord): readonly Reason[] => {
  const verdict = new TestPartition().evaluate(record);
  return verdict.kind === 'reject' ? verdict.reasons : [];
};
const valueOf = (value: Buffer | string | null): RawRecord =>
  recordOf(placed(), { value: value === null ? null : Buffer.from(value) });
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
  ])('reject %s as malformed', (_, value, constraint) => {
    expect(reasonsOf(valueOf(value))[0]).toEqual({ code: 'structure.malformed_json', path: 'value', constraint });
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
    expect(reasonsOf(recordOf(placed(fields)))).toContainEqual({ code: 'structure.invalid_field', path, constraint });
  });

  it('treat __proto__ as an unknown field', () => {
    const json = `{"__proto__":{"polluted":true},${JSON.stringify(placed()).slice(1)}`;
    expect(reasonsOf(valueOf(json))).toContainEqual({
      code: 'structure.invalid_field',
      path: '__proto__',
      constraint: 'whitelistValidation',
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
      constraint: 'isKnownType',
    });
  });

  it('check a body without a type against the type of its envelope', () => {
    const body = placed();
    const record = recordOf(body, { value: Buffer.from(JSON.stringify({ ...body, event_type: undefined })) });
    expect(reasonsOf(record)[0]).toMatchObject({ code: 'structure.invalid_field', path: 'event_type' });
  });

  it('reject a record above 1 MiB before it is parsed', () => {
    const unparsable = recordOf(placed(), { value: Buffer.alloc(2 * MAX_RECORD_BYTES, '[') });
    expect(reasonsOf(unparsable)).toEqual([{ code: 'structure.too_large', path: 'value', constraint: 'maxBytes' }]);
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

  it('count large and repeated headers toward the size', () => {
    const record = recordOf(placed());
    const junk = (...values: (Buffer | string)[]): RawRecord => ({
      ...record,
      headers: { ...record.headers, junk: values },
    });
    const half = Buffer.alloc(MAX_RECORD_BYTES / 2);
    const reason = { code: 'structure.too_large', path: 'headers', constraint: 'maxBytes' };
    expect(reasonsOf(junk(half, half))).toEqual([reason]);
    expect(reasonsOf(junk(half, 'x'.repeat(half.length)))).toEqual([reason]);
    expect(new TestPartition().evaluate(junk(half, 'x')).kind).toBe('accept');
  });

  it('reject a key that is missing, not the contract’s field, or in another partition', () => {
    const code = 'structure.key_mismatch';
    expect(reasonsOf(recordOf(placed(), { key: null }))).toEqual([{ code, path: 'key', constraint: 'required' }]);
    expect(reasonsOf(recordOf(placed(), { key: Buffer.from(sha('another')) }))).toEqual([
      { code, path: 'key', constraint: 'equals:customer_id' },
    ]);
    expect(reasonsOf(recordOf(placed(), { partition: PARTITION + 1 }))).toEqual([
      { code, path: 'key', constraint: 'isInItsPartition' },
    ]);
  });

  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_specversion'])('require the attribute %s', (name) => {
    const record = recordOf(placed());
    const code = 'structure.envelope_mismatch';
    expect(reasonsOf({ ...record, headers: without(record.headers, name) })).toEqual([
      { code, path: name, constraint: 'required' },
    ]);
    const twice = [Buffer.from('a'), Buffer.from('b')];
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: twice } })).toEqual([
      { code, path: name, constraint: 'isSingle' },
    ]);
  });

  it.each(['ce_id', 'ce_type', 'ce_time'])('reject %s that disagrees with the body', (name) => {
    const record = recordOf(placed());
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: Buffer.from('other') } })).toEqual([
      { code: 'structure.envelope_mismatch', path: name, constraint: 'equalsBody' },
    ]);
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
    const headerValue = fc.oneof(bytes, texts, fc.constantFrom(null, undefined), fc.array(fc.oneof(bytes, texts)));
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

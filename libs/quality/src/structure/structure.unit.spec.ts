import { MAX_RECORD_BYTES } from '@orderstream/contracts';
import type { RawRecord, Reason } from '../index';
import { Bench, evaluatorFor, NOON_MS, PARTITION, placed, recordOf, sha } from '../../test/fixtures';

const reasonsOf = (record: RawRecord): readonly Reason[] => {
  const verdict = new Bench().give(record);
  return verdict.kind === 'reject' ? verdict.reasons : [];
};
const valueOf = (value: Buffer | string | null): RawRecord =>
  recordOf(placed(), { value: value === null ? null : Buffer.from(value) });
const without = (headers: RawRecord['headers'], name: string): RawRecord['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));

describe('structure rules', () => {
  it('accept a record that meets its contract', () => {
    expect(new Bench().give(recordOf(placed()))).toEqual({ kind: 'accept', flags: [] });
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

  it('pass an escaped pair of surrogates', () => {
    const body = placed({ vendor_name: 'Becker' });
    const value = Buffer.from(JSON.stringify(body).replace('Becker', '\\ud83d\\ude00'));
    const bench = new Bench(evaluatorFor('orders', { 'drift.vendor': 'off' }));
    expect(bench.give(recordOf(body, { value })).kind).toBe('accept');
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

  it('take __proto__ for an unknown field', () => {
    const json = `{"__proto__":{"polluted":true},${JSON.stringify(placed()).slice(1)}`;
    expect(reasonsOf(valueOf(json))).toContainEqual({
      code: 'structure.invalid_field',
      path: '__proto__',
      constraint: 'whitelistValidation',
    });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('name all problems, not the first', () => {
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
    ['named like a member of every object', 'constructor'],
  ])('reject a type that is %s', (_, type) => {
    expect(reasonsOf(recordOf(placed({ event_type: type })))[0]).toEqual({
      code: 'structure.unknown_type',
      path: 'event_type',
      constraint: 'isKnownType',
    });
  });

  it('hold a body without a type against the type of its envelope', () => {
    const body = placed();
    const record = recordOf(body, { value: Buffer.from(JSON.stringify({ ...body, event_type: undefined })) });
    expect(reasonsOf(record)[0]).toMatchObject({ code: 'structure.invalid_field', path: 'event_type' });
  });

  it('reject what is larger than 1 MiB before it parses it', () => {
    const body = JSON.stringify(placed());
    const padded = (bytes: number): Buffer => Buffer.from(body + ' '.repeat(bytes - body.length));
    expect(reasonsOf(recordOf(placed(), { value: padded(2 * MAX_RECORD_BYTES) }))).toEqual([
      { code: 'structure.too_large', path: 'value', constraint: 'maxBytes' },
    ]);
    expect(reasonsOf(recordOf(placed(), { value: Buffer.alloc(2 * MAX_RECORD_BYTES, '[') }))[0]?.code).toBe(
      'structure.too_large',
    );
    expect(reasonsOf(recordOf(placed(), { value: padded(MAX_RECORD_BYTES - 10_000) }))[0]?.code).not.toBe(
      'structure.too_large',
    );
  });

  it('count huge headers in', () => {
    const record = recordOf(placed());
    const headers = { ...record.headers, junk: Buffer.alloc(MAX_RECORD_BYTES), more: [Buffer.alloc(1), 'x'] };
    expect(reasonsOf({ ...record, headers })).toEqual([
      { code: 'structure.too_large', path: 'headers', constraint: 'maxBytes' },
    ]);
    expect(new Bench().give({ ...record, headers: { ...record.headers, junk: Buffer.alloc(100_000) } }).kind).toBe(
      'accept',
    );
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

  it('take a time of the envelope that is written otherwise but the same', () => {
    const record = recordOf(placed({ occurred_at: '2026-03-01T11:59:59Z' }));
    const headers = { ...record.headers, ce_time: Buffer.from('2026-03-01T11:59:59.000Z') };
    expect(new Bench().give({ ...record, headers }).kind).toBe('accept');
    expect(new Bench().give({ ...record, headers: without(headers, 'ce_time') }).kind).toBe('accept');
  });

  it('never throw and always say something, whatever the bytes are', () => {
    for (const value of ['{}', '{"event_type":1}', '{"event_type":"order.placed"}', '{"event_type":{}}', '"\\u0000"']) {
      const verdict = new Bench().give({
        partition: 0,
        timestamp: NOON_MS,
        key: null,
        value: Buffer.from(value),
        headers: {},
      });
      expect(verdict.kind).toBe('reject');
      for (const reason of verdict.kind === 'reject' ? verdict.reasons : []) expect(reason.path).toBeTruthy();
    }
  });
});

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { a: value };
  return value;
}

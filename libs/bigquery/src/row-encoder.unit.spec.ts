import { type Column } from '@orderstream/contracts';
import * as fc from 'fast-check';
import * as protobuf from 'protobufjs';
import * as descriptor from 'protobufjs/ext/descriptor';

import { RowBuffer, RowEncoder } from './index';

const column = (name: string, type: Column['type'], mode: Column['mode'] = 'NULLABLE'): Column => ({
  name,
  type,
  mode,
  description: '',
  personal: false,
});

const BODY = [
  column('id', 'STRING', 'REQUIRED'),
  column('at', 'TIMESTAMP', 'REQUIRED'),
  column('price', 'NUMERIC'),
  column('quantity', 'INT64'),
  column('gift', 'BOOL'),
  column('note', 'STRING'),
  ...Array.from({ length: 12 }, (_, index) => column(`filler_${String(index)}`, 'STRING')),
  column('blob', 'BYTES'),
];
const METADATA = [
  column('flags', 'STRING', 'REPEATED'),
  column('offset', 'INT64', 'REQUIRED'),
  column('appended', 'TIMESTAMP'),
];
const encoder = new RowEncoder('row', { body: BODY, metadata: METADATA });

/** Decodes rows with protobufjs, by the schema that is sent to BigQuery. */
function decoder(): (bytes: Uint8Array) => Record<string, unknown> {
  const [length, at] = readVarint(encoder.schema, 1);
  const message = descriptor.DescriptorProto.decode(encoder.schema.subarray(at, at + length));
  const file = descriptor.FileDescriptorSet.create({ file: [{ name: 'row.proto', messageType: [message] }] });
  const type = (protobuf.Root as typeof protobuf.Root & { fromDescriptor(set: unknown): protobuf.Root })
    .fromDescriptor(file)
    .lookupType('row');
  return (bytes) => type.toObject(type.decode(bytes), { longs: String, bytes: Buffer });
}

function readVarint(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0;
  for (let at = from, factor = 1; ; at++, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 128) return [value, at + 1];
  }
}

function rowsOf(buffer: RowBuffer): Uint8Array[] {
  const rows: Uint8Array[] = [];
  const bytes = buffer.encoded();
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0x0a);
    const [length, next] = readVarint(bytes, at + 1);
    rows.push(bytes.subarray(next, next + length));
    at = next + length;
  }
  return rows;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'grapheme', minLength: 100, maxLength: 300 }),
  // Lengths around which the length prefix grows.
  fc
    .tuple(
      fc.constantFrom('a', 'é', '€', '😀'),
      fc.constantFrom(41, 42, 43, 63, 64, 126, 127, 128, 5_461, 8_192, 16_383, 16_384),
    )
    .map(([unit, count]) => unit.repeat(count)),
);
const integer = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, -1));
const row = fc.record(
  {
    id: text,
    at: fc.date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true }),
    price: fc.constantFrom('0.00', '12.34', '-1.5'),
    quantity: integer,
    gift: fc.boolean(),
    note: fc.option(text, { nil: null }),
    filler_11: text,
    blob: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { requiredKeys: ['id', 'at'] },
);
const metadata = fc.record({ flags: fc.array(text, { maxLength: 3 }), offset: fc.maxSafeNat(), appended: fc.nat() });

describe('RowEncoder', () => {
  const good = { id: 'a', at: '2026-01-02T03:04:05.678Z' };

  it('encodes rows that protobufjs decodes by the schema to the same fields', () => {
    const decode = decoder();
    fc.assert(
      fc.property(fc.array(fc.tuple(row, metadata), { minLength: 1, maxLength: 5 }), (rows) => {
        const buffer = new RowBuffer(16);
        for (const [body, meta] of rows) {
          expect(encoder.encode({ ...body, at: body.at.toISOString() }, meta, buffer)).toBeUndefined();
        }
        const decoded = rowsOf(buffer).map((bytes) => decode(bytes));
        expect(decoded).toEqual(
          rows.map(([{ at, note, quantity, ...body }, { flags, offset, appended }]) => ({
            ...body,
            at: String(at.getTime() * 1000),
            ...(note === null || note === undefined ? {} : { note }),
            ...(quantity === undefined ? {} : { quantity: String(quantity) }),
            ...(flags.length === 0 ? {} : { flags }),
            offset: String(offset),
            appended: String(appended * 1000),
          })),
        );
      }),
    );
  });

  it('copies exactly the rows of a slice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(row, metadata), { maxLength: 8 }), fc.nat(8), fc.nat(8), (rows, from, to) => {
        const all = new RowBuffer(16);
        const expected = new RowBuffer(16);
        for (const [index, [body, meta]] of rows.entries()) {
          const encoded = { ...body, at: body.at.toISOString() };
          encoder.encode(encoded, meta, all);
          if (index >= from && index < to) encoder.encode(encoded, meta, expected);
        }
        const slice = all.slice(from, to);
        expect(slice.encoded().equals(expected.encoded())).toBe(true);
        expect(slice.rows).toBe(expected.rows);
        // More rows may follow.
        for (const buffer of [slice, expected]) encoder.encode(good, { offset: 1 }, buffer);
        expect(slice.encoded().equals(expected.encoded())).toBe(true);
      }),
    );
  });

  it.each([
    ['a missing required field', { at: good.at }, 'id'],
    ['a required field that is null', { ...good, id: null }, 'id'],
    ['a field without a column', { ...good, extra: 1 }, 'extra'],
    ['a field that only the sink fills', { ...good, offset: 5 }, 'offset'],
    ['__proto__ as a field', JSON.parse('{"id":"a","at":"2026-01-02T03:04:05Z","__proto__":{}}'), '__proto__'],
    ['a number as a string', { ...good, quantity: '1' }, 'quantity'],
    ['a fraction', { ...good, quantity: 1.5 }, 'quantity'],
    ['an integer beyond 2^53', { ...good, quantity: 2 ** 53 }, 'quantity'],
    ['a time without a zone', { ...good, at: '2026-01-02T03:04:05.678' }, 'at'],
    ['a day that does not exist', { ...good, at: '2026-02-30T03:04:05.678Z' }, 'at'],
    ['money as a number', { ...good, price: 1.5 }, 'price'],
    ['a lone surrogate', { ...good, note: 'a\ud800' }, 'note'],
    ['a row over the bound', { ...good, note: 'x'.repeat(9_000_001) }, ''],
  ])('rejects %s, names the field, and leaves the buffer unchanged', (_, body: Record<string, unknown>, path) => {
    const buffer = new RowBuffer();
    encoder.encode(good, { offset: 1 }, buffer);
    const before = Buffer.from(buffer.encoded());
    expect(encoder.encode(body, { offset: 1 }, buffer)).toMatchObject({ path });
    encoder.encode(good, { offset: 1 }, buffer);
    expect(rowsOf(buffer).map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(
      [before, before].map((bytes) => rowsOfBytes(bytes)),
    );
  });
});

const rowsOfBytes = (bytes: Buffer): string => bytes.subarray(readVarint(bytes, 1)[1]).toString('hex');

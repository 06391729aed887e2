import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import avsc, { type Schema, type Type } from 'avsc';
import * as fc from 'fast-check';
import { GOOD_BODIES } from '../test/bodies';
import { sampleOf } from '../test/samples';
import { type AvroSchema, avroSchema } from './avro-schema';
import { EVENT_CONTRACTS, type EventContract, timestampMicros } from './index';

type Json = Readonly<Record<string, unknown>>;

const contracts = [...EVENT_CONTRACTS.values()];

/** The notation of a time with six decimals. */
function textOf(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1_000_000) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(micros % 1_000_000).toString().padStart(6, '0')}Z`;
}

/** RFC 3339 text as microseconds: what a producer's Avro library does with its type of time. */
class Micros extends avsc.types.LogicalType {
  override _fromValue(micros: number): string {
    return textOf(micros);
  }
  override _toValue(text: string): number {
    const [seconds = '', fraction = ''] = text.slice(0, -1).split('.');
    return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
  }
  override _resolve(type: Type): unknown {
    return type instanceof Micros ? (text: string) => text : undefined;
  }
}

/** A decimal text as its unscaled number in two's complement, most significant byte first. */
class Decimal extends avsc.types.LogicalType {
  override _fromValue(bytes: Buffer): string {
    const digits = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
      .toString()
      .padStart(3, '0');
    return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
  }
  override _toValue(text: string): Buffer {
    const hex = BigInt(text.replace('.', '')).toString(16);
    return Buffer.from(`00${hex.padStart(hex.length + (hex.length % 2), '0')}`, 'hex');
  }
}

/** The schema of the file that others get. */
const storedSchema = ({ type, version }: EventContract): AvroSchema =>
  JSON.parse(
    readFileSync(resolve(__dirname, `../../../docs/contracts/avro/${type}.v${version}.avsc`), 'utf8'),
  ) as AvroSchema;

const typeOf = (schema: AvroSchema): Type =>
  avsc.Type.forSchema(schema as unknown as Schema, {
    logicalTypes: { 'timestamp-micros': Micros, decimal: Decimal },
  });

const types = new Map(contracts.map((contract) => [contract.type, typeOf(storedSchema(contract))]));

/** The row of a body after it was written and read. */
function roundTripped(type: string, body: Json): Json {
  const avro = types.get(type);
  if (avro === undefined) throw new Error(`no schema for ${type}`);
  const read: unknown = avro.fromBuffer(avro.toBuffer(body));
  return { ...Object(read) } as Json;
}

/** Every column of the contract, times in the notation with six decimals. */
const expected = (contract: EventContract, body: Json): Json =>
  Object.fromEntries(
    contract.columns.map(({ name, type }) => {
      const value = body[name] ?? null;
      return [name, type === 'TIMESTAMP' && typeof value === 'string' ? textOf(timestampMicros(value)) : value];
    }),
  );

describe('the Avro schemas of the rows', () => {
  it.each(contracts)('$type writes and reads the row of its stored sample and of every valid body', (contract) => {
    const sample = sampleOf(contract.type);
    expect(roundTripped(contract.type, sample)).toEqual(expected(contract, sample));
    const bodies: fc.Arbitrary<object> = GOOD_BODIES[contract.type as keyof typeof GOOD_BODIES];
    fc.assert(
      fc.property(bodies, (body) => {
        expect(roundTripped(contract.type, body as Json)).toEqual(expected(contract, body as Json));
      }),
      { numRuns: 50 },
    );
  });

  it.each(contracts)('$type rejects a row that lacks a required column, and takes absent nullable ones', (contract) => {
    const sample = sampleOf(contract.type);
    for (const { name, mode } of contract.columns) {
      const less = Object.fromEntries(Object.entries(sample).filter(([each]) => each !== name));
      expect([name, types.get(contract.type)?.isValid(less)]).toEqual([name, mode === 'NULLABLE']);
    }
  });

  it('have the types of the table: microseconds, exact decimals, long integers', () => {
    const order = storedSchema(EVENT_CONTRACTS.get('order.placed') as EventContract);
    const typeOfField = (name: string): unknown => order.fields.find((field) => field.name === name)?.type;
    expect(order).toMatchObject({ name: 'OrderPlaced', namespace: 'orderstream.orders.v1' });
    expect(typeOfField('occurred_at')).toEqual({ type: 'long', logicalType: 'timestamp-micros' });
    expect(typeOfField('item_price')).toEqual({ type: 'bytes', logicalType: 'decimal', precision: 11, scale: 2 });
    expect(typeOfField('item_quantity')).toBe('long');
    expect(typeOfField('order_rating')).toEqual(['null', 'long']);
  });

  it('have distinct names, and mark personal data', () => {
    const schemas = contracts.map((contract) => avroSchema(contract));
    expect(new Set(schemas.map(({ namespace, name }) => `${namespace}.${name}`)).size).toBe(contracts.length);
    const personal = schemas.flatMap(({ fields }) => fields.filter((field) => field.personal).map(({ name }) => name));
    const marked = contracts.flatMap(({ columns }) => columns.filter((each) => each.personal).map(({ name }) => name));
    expect(personal).toEqual(marked);
  });

  it('reads a row that was written before a nullable column was added', () => {
    const contract = EVENT_CONTRACTS.get('order.rated') as EventContract;
    const before = storedSchema(contract);
    const after = {
      ...before,
      fields: [...before.fields, { name: 'added', type: ['null', 'string'], default: null, doc: '' }],
    };
    const reader = typeOf(after as unknown as AvroSchema);
    const bytes = typeOf(before).toBuffer(sampleOf('order.rated'));
    const read: unknown = reader.fromBuffer(bytes, reader.createResolver(typeOf(before)));
    expect({ ...Object(read) }).toMatchObject({ added: null, order_rating: sampleOf('order.rated').order_rating });
  });
});

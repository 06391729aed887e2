import { varintLength, writeVarint } from '@orderstream/varint';

/** The wire types of Protocol Buffers (Encoding guide). */
export const WIRE_VARINT = 0;
export const WIRE_BYTES = 2;

/** An encoded varint. For requests and schemas; `RowBuffer` encodes the fields of rows. */
export function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(varintLength(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

export const tag = (field: number, wireType: number): Buffer => varint(field * 8 + wireType);

/** A length-delimited field: a string, bytes or an embedded message. */
export function bytesField(field: number, content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([tag(field, WIRE_BYTES), varint(bytes.length), bytes]);
}

/** A varint field of a value from 0 to 2^53. */
export const varintField = (field: number, value: number): Buffer =>
  Buffer.concat([tag(field, WIRE_VARINT), varint(value)]);

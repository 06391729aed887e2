/** The wire types of fields ("Protocol Buffers: Encoding"). */
const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

/** Called for each field of a message, whose value is between `start` and `end`. */
export type FieldVisitor = (field: number, wireType: number, start: number, end: number) => void;

/**
 * Visits the fields of the message between `start` and `end` in their order.
 * @throws RangeError when the bytes are not a message
 */
export function visitFields(bytes: Buffer, start: number, end: number, visit: FieldVisitor): void {
  for (let at = start; at < end;) {
    const tag = varintAt(bytes, at);
    at = afterVarint(bytes, at);
    const wireType = tag & 7;
    let from = at;
    let to: number;
    if (wireType === BYTES) {
      from = afterVarint(bytes, at);
      to = from + varintAt(bytes, at);
    } else if (wireType === VARINT) to = afterVarint(bytes, at);
    else if (wireType === FIXED64) to = at + 8;
    else if (wireType === FIXED32) to = at + 4;
    else throw new RangeError(`wire type ${wireType} at byte ${at}`);
    if (to > end) throw new RangeError(`field ${tag >>> 3} exceeds its message`);
    visit(tag >>> 3, wireType, from, to);
    at = to;
  }
}

/** An unsigned varint up to 2^53. */
export function varintAt(bytes: Buffer, start: number): number {
  let value = 0;
  for (let at = start, factor = 1; at < start + 10; at++, factor *= 128) {
    const byte = byteAt(bytes, at);
    value += (byte & 0x7f) * factor;
    if (byte < 128) return value;
  }
  throw new RangeError(`varint at byte ${start} does not end`);
}

/** A varint that holds an int64. */
export function int64At(bytes: Buffer, start: number): bigint {
  let value = 0n;
  for (let at = start, shift = 0n; at < start + 10; at++, shift += 7n) {
    const byte = byteAt(bytes, at);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 128) return BigInt.asIntN(64, value);
  }
  throw new RangeError(`varint at byte ${start} does not end`);
}

export function afterVarint(bytes: Buffer, start: number): number {
  let at = start;
  while (byteAt(bytes, at) >= 128) at++;
  return at + 1;
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError('the message is truncated');
  return byte;
}

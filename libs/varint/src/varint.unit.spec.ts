import fc from 'fast-check';
import { varintLength, writeVarint } from '.';

/** The definition: seven bits per byte, least significant first, the top bit set on all but the last byte. */
function expected(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

describe('varint', () => {
  const values = fc.oneof(
    fc.maxSafeNat(),
    fc.nat(),
    fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  );

  it('writes any integer from 0 to 2^53 - 1 as defined, with the length that varintLength returns', () => {
    fc.assert(
      fc.property(values, fc.nat(5), (value, offset) => {
        const out = Buffer.alloc(offset + 12);
        const end = writeVarint(out, offset, value);
        expect(out.subarray(offset, end)).toEqual(expected(BigInt(value)));
        expect(varintLength(value)).toBe(end - offset);
      }),
    );
  });
});

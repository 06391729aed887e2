import { varintLength as length, writeVarint as write } from '@orderstream/varint';

// Constants of this module: what another module exports costs a call of a getter at each use.
const varintLength = length;
const writeVarint = write;

/** Zigzag maps 0, -1, 1, -2 … to 0, 1, 2, 3 …; for integers between -2^52 and 2^52. */
const zigzag = (value: number): number => (value >= 0 ? value * 2 : -value * 2 - 1);

/** Length of the zigzag varint in bytes. */
export const zigzagVarintLength = (value: number): number => varintLength(zigzag(value));

/** Writes the zigzag varint and returns the offset after it. */
export const writeZigzagVarint = (out: Buffer, offset: number, value: number): number =>
  writeVarint(out, offset, zigzag(value));

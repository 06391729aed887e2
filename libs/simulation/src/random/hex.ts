import { type Draws } from './draws';
import { block as sharedBlock } from './threefry';

// A constant of this module: what another module exports costs a call of a getter at each use.
const block = sharedBlock;

const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const text = Buffer.alloc(64);

function writeHex(at: number, bits: number): void {
  for (let digit = 0; digit < 8; digit++) text[at + digit] = DIGITS[(bits >>> (28 - 4 * digit)) & 15] as number;
}

/** Writes 64 bits of a draw as 16 hex digits. */
function writeBlock(at: number, draws: Draws, draw: number): void {
  draws.bits(draw);
  const high = block[0] as number;
  const low = block[1] as number;
  writeHex(at, high);
  writeHex(at + 8, low);
}

/** 64 hex digits of the selected thing: the ids of orders, vendors and customers. */
export function hex64(draws: Draws, draw: number): string {
  for (let part = 0; part < 4; part++) writeBlock(16 * part, draws, draw + part);
  return text.toString('latin1', 0, 64);
}

export function hex16(draws: Draws, draw: number): string {
  writeBlock(0, draws, draw);
  return text.toString('latin1', 0, 16);
}

const DASH = 45;
const EIGHT = 56;

/** A UUID of version 8 (RFC 9562: custom content) of the selected thing. */
export function uuid(draws: Draws, draw: number): string {
  draws.bits(draw);
  const a = block[0] as number;
  const b = block[1] as number;
  draws.bits(draw + 1);
  const c = ((block[0] as number) & 0x3fffffff) | 0x80000000;
  const d = block[1] as number;
  writeHex(0, a);
  writeHex(9, b);
  text.copyWithin(14, 13, 17);
  text[8] = text[13] = text[18] = text[23] = DASH;
  text[14] = EIGHT;
  writeHex(40, c);
  writeHex(48, d);
  text.copy(text, 19, 40, 44);
  text.copy(text, 24, 44, 56);
  return text.toString('latin1', 0, 36);
}

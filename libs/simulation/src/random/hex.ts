import { type Draws } from './draws';
import { block as sharedBlock } from './threefry';

// A constant of this module: what another module exports costs a call of a getter at each use.
const block = sharedBlock;

const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const text = Buffer.alloc(64);

/** Writes the lower 16 bits as 4 hex digits. */
function writeHalf(out: Buffer, at: number, bits: number): void {
  out[at] = DIGITS[(bits >>> 12) & 15] as number;
  out[at + 1] = DIGITS[(bits >>> 8) & 15] as number;
  out[at + 2] = DIGITS[(bits >>> 4) & 15] as number;
  out[at + 3] = DIGITS[bits & 15] as number;
}

/** Writes 64 bits of a draw as 16 hex digits. */
function writeBlock(out: Buffer, at: number, draws: Draws, draw: number): void {
  draws.bits(draw);
  const high = block[0] as number;
  const low = block[1] as number;
  writeHalf(out, at, high >>> 16);
  writeHalf(out, at + 4, high);
  writeHalf(out, at + 8, low >>> 16);
  writeHalf(out, at + 12, low);
}

/** 64 hex digits of the selected thing: the ids of orders, vendors and customers. */
export function hex64(draws: Draws, draw: number): string {
  for (let part = 0; part < 4; part++) writeBlock(text, 16 * part, draws, draw + part);
  return text.toString('latin1', 0, 64);
}

export function hex16(draws: Draws, draw: number): string {
  writeBlock(text, 0, draws, draw);
  return text.toString('latin1', 0, 16);
}

/** A UUID of version 8 (RFC 9562: custom content); the rest is written for each one. */
const uuidText = Buffer.from('00000000-0000-8000-0000-000000000000', 'latin1');
const VERSION_AT = 14;
const VERSION = 56;

/** A UUID of the selected thing. */
export function uuid(draws: Draws, draw: number): string {
  draws.bits(draw);
  const a = block[0] as number;
  const b = block[1] as number;
  draws.bits(draw + 1);
  const c = ((block[0] as number) & 0x3fffffff) | 0x80000000;
  const d = block[1] as number;
  writeHalf(uuidText, 0, a >>> 16);
  writeHalf(uuidText, 4, a);
  writeHalf(uuidText, 9, b >>> 16);
  writeHalf(uuidText, 14, b);
  uuidText[VERSION_AT] = VERSION;
  writeHalf(uuidText, 19, c >>> 16);
  writeHalf(uuidText, 24, c);
  writeHalf(uuidText, 28, d >>> 16);
  writeHalf(uuidText, 32, d);
  return uuidText.toString('latin1', 0, 36);
}

/** A trace id of 64 bits is padded on the left (W3C Trace Context). */
const traceText = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`, 'latin1');

/** A `traceparent` that is not sampled, with a trace and a span of the selected thing. */
export function traceparent(draws: Draws, trace: number, span: number): string {
  writeBlock(traceText, 19, draws, trace);
  writeBlock(traceText, 36, draws, span);
  return traceText.toString('latin1');
}

/** Inclusive bounds of a number. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

const isIn = (value: number, { min = -Infinity, max = Infinity }: Range): boolean => value >= min && value <= max;

/**
 * A safe integer in decimal digits, from a setting or a command line; undefined for any other text. `Number` alone takes the
 * empty text and blanks for 0, and reads `1e3` and `0x1`.
 */
export function parseInteger(text: string, range: Range = {}): number | undefined {
  const value = Number(text);
  return /^(\d+|-[1-9]\d*)$/.test(text) && Number.isSafeInteger(value) && isIn(value, range) ? value : undefined;
}

/** A number in decimal notation, without an exponent; undefined for any other text. */
export function parseDecimal(text: string, range: Range = {}): number | undefined {
  const value = Number(text);
  return /^-?(\d+|\d*\.\d+)$/.test(text) && isIn(value, range) ? value : undefined;
}

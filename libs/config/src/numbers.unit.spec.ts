import { parseDecimal, parseInteger } from './numbers';

/** Texts that `Number` reads as a number, and that are not written as one. */
const NOT_DECIMAL = [
  '',
  ' ',
  '\n',
  ' 1',
  '1 ',
  '1e3',
  '0x1',
  '0b1',
  '0o7',
  '+1',
  '1_000',
  '-',
  '.',
  '1.',
  'Infinity',
  'NaN',
];

describe('parseInteger', () => {
  it.each([
    ['0', 0],
    ['007', 7],
    ['-12', -12],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('reads %j', (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });

  it.each([...NOT_DECIMAL, '1.5', '-0', '9007199254740992', '١'])('rejects %j', (text) => {
    expect(parseInteger(text)).toBeUndefined();
  });

  it('rejects what is out of range', () => {
    const range = { min: 1, max: 3 };
    expect(['0', '1', '3', '4'].map((text) => parseInteger(text, range))).toEqual([undefined, 1, 3, undefined]);
  });
});

describe('parseDecimal', () => {
  it.each([
    ['0', 0],
    ['0.05', 0.05],
    ['.5', 0.5],
    ['-2.25', -2.25],
  ])('reads %j', (text, value) => {
    expect(parseDecimal(text)).toBe(value);
  });

  it.each([...NOT_DECIMAL, '1.2.3', '1,5'])('rejects %j', (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  });

  it('rejects what is out of range', () => {
    const range = { min: 0, max: 1 };
    expect(['-0.1', '0', '1', '1.01'].map((text) => parseDecimal(text, range))).toEqual([undefined, 0, 1, undefined]);
  });
});

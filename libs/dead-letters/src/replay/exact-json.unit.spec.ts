import fc from 'fast-check';
import { exactJson } from './exact-json';

const problemOf = (text: string): string | undefined => {
  const result = exactJson(Buffer.from(text));
  return 'problem' in result ? result.problem : undefined;
};

describe('the JSON value of a record', () => {
  it('is any JSON value that is written again as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const result = exactJson(Buffer.from(text));
        expect('body' in result && JSON.stringify(result.body)).toBe(text);
      }),
    );
  });

  it.each(['9007199254740993', '{"id":12345678901234567890}', '[0.1234567890123456789]', '1e400', '1e-400'])(
    'is none if an edit would change a number that it does not mean: %s',
    (text) => {
      expect(problemOf(text)).toContain('more digits');
    },
  );

  it.each(['0', '-0.0', '100000000000000000000', '1e25', '0.1', '19.90', '0.30000000000000004', '9007199254740991'])(
    'has the number %s',
    (text) => {
      expect(problemOf(text)).toBeUndefined();
    },
  );

  it('is none of other bytes', () => {
    expect(problemOf('{')).toBe('the value is not JSON');
    expect(exactJson(Buffer.from([0x22, 0xff, 0x22]))).toEqual({ problem: 'the value is not JSON: it is not UTF-8' });
    expect(exactJson(null)).toEqual({ problem: 'the record has no value' });
  });
});

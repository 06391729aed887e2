import { randomBytes } from 'node:crypto';

import { DLQ_HEADERS, TOPICS } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, isStorable, type OutputRecord } from '@orderstream/kafka';
import fc from 'fast-check';

import { anyRecord, bytes, FAILED_AT, headerName, SOURCE } from '../test/failed-records';
import { buildDeadLetter, type DeadLetterContext } from './build-dead-letter';
import { DeadLetterUnreadableError, parseDeadLetter } from './parse-dead-letter';

describe('a record that does not fit into its dead-letter topic', () => {
  const context: DeadLetterContext = {
    app: 'validator',
    reasons: [{ code: 'structure.too_large', path: 'value' }],
    failedAt: FAILED_AT,
  };
  const MEGABYTE = 1_048_576;
  const read = (letter: OutputRecord) => parseDeadLetter({ ...letter, offset: 3, timestamp: FAILED_AT.getTime() });

  it('is unchanged when it fits compressed', () => {
    const value = Buffer.alloc(10 * MEGABYTE, '{"a":1},');
    const letter = buildDeadLetter({ ...anyRecord, value }, context);
    expect(letter.value).toBe(value);
    expect(letter.headers).not.toHaveProperty(DLQ_HEADERS.cut);
    expect(read(letter).cut).toBeUndefined();
  });

  it('loses the end of its value, and its dead letter says so', () => {
    const value = randomBytes(6 * MEGABYTE);
    const letter = read(buildDeadLetter({ ...anyRecord, value }, context));
    expect(letter).toMatchObject({ cut: { value: 6 * MEGABYTE }, key: anyRecord.key, attempt: 1 });
    expect(letter.headers).toEqual({ ce_id: Buffer.from('e') });
    expect(letter.value?.equals(value.subarray(0, MEGABYTE))).toBe(true);
  });

  it('loses its headers and the end of its key only when that is not enough', () => {
    const junk = { junk: randomBytes(5 * MEGABYTE) };
    const value = Buffer.from('v');
    const wide = read(buildDeadLetter({ ...anyRecord, value, headers: junk }, context));
    expect(wide).toMatchObject({
      cut: { value: 1, headers: 5 * MEGABYTE + 4 },
      key: anyRecord.key,
      value,
      headers: {},
    });
    const key = randomBytes(5 * MEGABYTE);
    const long = read(buildDeadLetter({ ...anyRecord, value, key, headers: junk }, context));
    expect(long.cut).toEqual({ value: 1, headers: 5 * MEGABYTE + 4, key: 5 * MEGABYTE });
    expect(long.key?.equals(key.subarray(0, 1_024))).toBe(true);
    expect(long.source).toMatchObject({ topic: SOURCE, partition: 4, offset: 17 });
  });

  it('is built and can be read, whatever its key, value and headers are', () => {
    const incompressible = randomBytes(6 * MEGABYTE);
    const large = fc.constantFrom(0, 10, 1_500_000, 6 * MEGABYTE).map((length) => incompressible.subarray(0, length));
    const part = fc.option(fc.oneof(bytes, large));
    const fields = fc.array(fc.tuple(headerName, part), { maxLength: 10 });
    fc.assert(
      fc.property(part, part, fields, (key, value, list) => {
        const given = { ...anyRecord, key, value, headers: headersOf(list) };
        const built = buildDeadLetter(given, context);
        const letter = read(built);
        expect(letter.source).toMatchObject({ topic: SOURCE, partition: 4, offset: 17 });
        if (letter.cut === undefined) {
          expect(letter.key).toBe(key);
          expect(letter.value).toBe(value);
          expect(headerFields(letter.headers)).toEqual(list);
        } else {
          expect(letter.cut.value).toBe(value?.length ?? 0);
        }
        const limit = TOPICS.find(({ name }) => name === built.topic)?.maxMessageBytes ?? 0;
        expect(isStorable(built, limit)).toBe(true);
      }),
      { numRuns: 8 },
    );
  }, 60_000);

  it('keeps what fits of ten equal headers of 1.4 MB and a null one', () => {
    const value = Buffer.from('{}');
    const noise = randomBytes(1_400_000);
    const headers = headersOf([['none', null], ...Array.from({ length: 10 }, (): HeaderField => ['h', noise])]);
    const letter = read(buildDeadLetter({ ...anyRecord, value, headers }, context));
    expect(letter).toMatchObject({ value, key: anyRecord.key, headers: {} });
    expect(letter.cut).toEqual({ value: 2, headers: 10 * (1_400_000 + 1) + 4 });
  });

  it('is rejected when the header that marks the cut is invalid', () => {
    const letter = buildDeadLetter({ ...anyRecord, value: randomBytes(6 * MEGABYTE) }, context);
    letter.headers[DLQ_HEADERS.cut] = 'much';
    expect(() => read(letter)).toThrow(DeadLetterUnreadableError);
  });
});

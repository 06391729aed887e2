import { createHash } from 'node:crypto';

import { DLQ_HEADERS, MAX_DETAIL_BYTES, RULE_CODES } from '@orderstream/contracts';
import { headerFields, headersOf, type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import fc from 'fast-check';

import { anyRecord, asRead, because, bytes, FAILED_AT, headerName, SOURCE } from '../test/failed-records';
import { buildDeadLetter, type DeadLetterContext, type DeadLetterReason } from './build-dead-letter';
import { DeadLetterUnreadableError, parseDeadLetter } from './parse-dead-letter';
import { isParked, NOT_REPLAYED, retriedSource } from './retried-record';

const headerValue = fc.option(bytes);
/** Any list of headers: repeated, null, in any order, with any names. */
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 8 }).map(headersOf);
const record: fc.Arbitrary<KafkaRecord> = fc.record({
  topic: fc.constant(SOURCE),
  partition: fc.nat({ max: 5 }),
  offset: fc.nat(),
  timestamp: fc.oneof(
    fc.date({ noInvalidDate: true }).map((date) => date.getTime()),
    fc.constantFrom(-1, 1e300),
  ),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers,
});
const reason: fc.Arbitrary<DeadLetterReason> = fc.record(
  {
    code: fc.oneof(fc.constantFrom(...RULE_CODES), fc.constant('publish.rejected')),
    path: fc.string({ unit: 'binary', maxLength: 400 }),
    constraint: fc.string({ unit: 'binary', maxLength: 400 }),
  },
  { requiredKeys: ['code'] },
);
const context: fc.Arbitrary<DeadLetterContext> = fc.record({
  app: fc.constantFrom('validator', 'bq-sink', 'pubsub-bridge'),
  reasons: fc.array(reason, { minLength: 1, maxLength: 30 }),
  failedAt: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') }),
});

const text = (output: OutputRecord, name: string): string => String(output.headers[name]);

describe('buildDeadLetter', () => {
  it('preserves key, value and headers, adds headers that parse, and adds less than 4 kB', () => {
    fc.assert(
      fc.property(record, context, (given, why) => {
        const built = buildDeadLetter(given, why);
        expect(built).toMatchObject({ topic: `${SOURCE}.dlq.${why.app}`, partition: given.partition });
        expect(built.key).toBe(given.key);
        expect(built.value).toBe(given.value);
        const parsed = parseDeadLetter(asRead(built));
        expect(headerFields(parsed.headers)).toEqual(headerFields(given.headers));
        expect(headerFields(built.headers).slice(0, headerFields(given.headers).length)).toEqual(
          headerFields(given.headers),
        );
        expect(parsed).toMatchObject({ app: why.app, attempt: 1, failedAt: why.failedAt, firstFailedAt: why.failedAt });
        expect(parsed.source).toMatchObject({ topic: SOURCE, partition: given.partition, offset: given.offset });
        expect(parsed.reason).toBe(parsed.reasons[0]?.code);
        const added = Object.values(DLQ_HEADERS).reduce(
          (sum, name) => sum + name.length + Buffer.byteLength(text(built, name)),
          0,
        );
        expect(added).toBeLessThan(4_096);
        expect(Buffer.byteLength(text(built, DLQ_HEADERS.detail))).toBeLessThanOrEqual(MAX_DETAIL_BYTES);
      }),
    );
  });

  it('counts attempts and preserves the first failure time when a replayed record fails again', () => {
    fc.assert(
      fc.property(record, fc.array(context, { minLength: 1, maxLength: 5 }), (given, failures) => {
        let current = given;
        failures.forEach((why, i) => {
          const built = buildDeadLetter(current, { ...why, app: 'validator' });
          const parsed = parseDeadLetter(asRead(built));
          expect(parsed.attempt).toBe(i + 1);
          expect(parsed.firstFailedAt).toEqual(failures[0]?.failedAt);
          expect(parsed.failedAt).toEqual(why.failedAt);
          expect(headerFields(parsed.headers)).toEqual(headerFields(given.headers));
          current = asRead(built, SOURCE, i + 1);
        });
      }),
    );
  });

  it('has the headers of the record in their order: a, b, a', () => {
    const [a, b] = [Buffer.from('1'), Buffer.from('2')];
    const headers = headersOf([
      ['a', a],
      ['b', b],
      ['a', null],
    ]);
    const built = buildDeadLetter({ ...anyRecord, headers }, because({ code: 'x' }));
    expect(headerFields(built.headers).slice(0, 3)).toEqual([
      ['a', a],
      ['b', b],
      ['a', null],
    ]);
  });

  it('lists the reasons in the order of the rules, as many as fit', () => {
    const built = buildDeadLetter(
      anyRecord,
      because(
        { code: 'time.in_future', path: 'occurred_at' },
        { code: 'structure.invalid_field', path: 'item_price', constraint: 'isDecimalString' },
      ),
    );
    expect(text(built, DLQ_HEADERS.reason)).toBe('structure.invalid_field');
    expect(JSON.parse(text(built, DLQ_HEADERS.detail))).toEqual([
      { code: 'structure.invalid_field', path: 'item_price', constraint: 'isDecimalString' },
      { code: 'time.in_future', path: 'occurred_at' },
    ]);
    const many = Array.from({ length: 200 }, (_, i) => ({
      code: 'structure.invalid_field',
      path: `field_${String(i)}`,
    }));
    const detail = JSON.parse(text(buildDeadLetter(anyRecord, because(...many)), DLQ_HEADERS.detail)) as unknown[];
    expect(detail).toEqual(many.slice(0, detail.length));
    // One more would exceed 2 kB.
    expect(JSON.stringify(detail).length).toBeLessThanOrEqual(2_048);
    expect(JSON.stringify(many.slice(0, detail.length + 1)).length).toBeGreaterThan(2_048);
  });

  it('shows control and format characters of a record as escapes in its detail, whatever the text is', () => {
    const hostile = 'a\u001b[2J\u009b31m\u202e\u200b\u{e0001}\u2028';
    const detailOf = (quoted: string): { path?: string; constraint?: string }[] => {
      const built = buildDeadLetter(anyRecord, because({ code: 'x', path: quoted, constraint: quoted }));
      return JSON.parse(text(built, DLQ_HEADERS.detail)) as { path?: string; constraint?: string }[];
    };
    expect(detailOf(hostile)[0]?.path).toBe('a\\u001b[2J\\u009b31m\\u202e\\u200b\\u{e0001}\\u2028');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (quoted) => {
        for (const { path, constraint } of detailOf(quoted)) {
          expect(`${String(path)}${String(constraint)}`).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
      }),
    );
  });

  it('has a fingerprint of 16 hex digits of the SHA-256 of app, reason and path', () => {
    const built = buildDeadLetter(anyRecord, because({ code: 'structure.invalid_field', path: 'item_price' }));
    const sha256 = createHash('sha256').update('validator\nstructure.invalid_field\nitem_price').digest('hex');
    expect(text(built, DLQ_HEADERS.fingerprint)).toBe(sha256.slice(0, 16));
  });

  it('has the coordinates of the source record for a record from a retry topic', () => {
    const why: DeadLetterContext = { app: 'bq-sink', reasons: [{ code: 'row.rejected' }], failedAt: FAILED_AT };
    const first = buildDeadLetter(anyRecord, why);
    const retried = asRead(first, `${SOURCE}.retry.bq-sink`, 99);
    const parsed = parseDeadLetter(asRead(buildDeadLetter(retried, why)));
    expect(parsed).toMatchObject({ topic: `${SOURCE}.dlq.bq-sink`, attempt: 2 });
    expect(parsed.source).toEqual({
      topic: SOURCE,
      partition: 4,
      offset: 17,
      timestamp: new Date(anyRecord.timestamp),
    });
  });

  it.each([
    [DLQ_HEADERS.sourceTopic, 'elsewhere'],
    [DLQ_HEADERS.sourcePartition, '5'],
    [DLQ_HEADERS.sourceOffset, 'x'],
  ])(
    'has its own coordinates for a record of a retry topic whose %s is %s: no replay has written it',
    (name, value) => {
      const why: DeadLetterContext = { app: 'bq-sink', reasons: [NOT_REPLAYED], failedAt: FAILED_AT };
      const retried = asRead(buildDeadLetter(anyRecord, why), `${SOURCE}.retry.bq-sink`, 99);
      expect(retriedSource(retried, 'bq-sink')?.offset).toBe(17);
      const forged = { ...retried, headers: { ...retried.headers, [name]: Buffer.from(value) } };
      expect(retriedSource(forged, 'bq-sink')).toBeUndefined();
      const built = buildDeadLetter(forged, why);
      expect(built).toMatchObject({ topic: `${SOURCE}.dlq.bq-sink`, partition: 4 });
      expect(parseDeadLetter(asRead(built)).source).toMatchObject({ topic: retried.topic, partition: 4, offset: 99 });
    },
  );

  it('is in the dead-letter topic up to the fifth attempt, and parked from the sixth on', () => {
    let current: KafkaRecord = anyRecord;
    const topics = Array.from({ length: 7 }, (_, i) => {
      const built = buildDeadLetter(current, because({ code: 'x' }));
      current = asRead(built, SOURCE, i);
      expect(isParked(built)).toBe(i >= 5);
      return built.topic;
    });
    const letters = `${SOURCE}.dlq.validator`;
    expect(topics).toEqual([...Array<string>(5).fill(letters), `${letters}.parked`, `${letters}.parked`]);
    expect(parseDeadLetter(asRead(buildDeadLetter(current, because({ code: 'x' }))))).toMatchObject({ attempt: 8 });
  });

  it.each(['x', '-1', '1e3', '99999999999999999999', ''])('ignores an invalid attempt %j', (attempt) => {
    const forged = { ...anyRecord, headers: { [DLQ_HEADERS.attempt]: attempt, [DLQ_HEADERS.firstFailedAt]: 'x' } };
    expect(parseDeadLetter(asRead(buildDeadLetter(forged, because({ code: 'x' }))))).toMatchObject({
      attempt: 1,
      firstFailedAt: FAILED_AT,
    });
  });
});

describe('parseDeadLetter', () => {
  it.each(
    Object.values(DLQ_HEADERS).filter(
      (name) => !/source-(partition|offset|timestamp)|dlq-cut|dlq-batch|dlq-replay/.test(name),
    ),
  )('rejects a record without %s, and names the header', (name) => {
    const whole = asRead(buildDeadLetter(anyRecord, because({ code: 'x' })));
    const headers = Object.fromEntries(Object.entries(whole.headers).filter(([each]) => each !== name));
    const parse = (): unknown => parseDeadLetter({ ...whole, headers });
    expect(parse).toThrow(DeadLetterUnreadableError);
    expect(parse).toThrow(name);
  });

  it.each(['dlq-source-partition', 'dlq-source-offset', 'dlq-source-timestamp'])(
    'rejects a record without %s',
    (name) => {
      const whole = asRead(buildDeadLetter(anyRecord, because({ code: 'x' })));
      const headers = Object.fromEntries(Object.entries(whole.headers).filter(([each]) => each !== name));
      expect(() => parseDeadLetter({ ...whole, headers })).toThrow(DeadLetterUnreadableError);
    },
  );
});

import { createHash, randomBytes } from 'node:crypto';

import { RULE_CODES, TOPICS } from '@orderstream/contracts';
import {
  type HeaderField,
  headerFields,
  headersOf,
  isStorable,
  type KafkaRecord,
  type OutputRecord,
  type UnreadableBatch,
} from '@orderstream/kafka';
import fc from 'fast-check';

import { buildBatchDeadLetter } from './build-batch-dead-letter';
import { buildDeadLetter, type DeadLetterContext, type DeadLetterReason, MAX_DETAIL_BYTES } from './build-dead-letter';
import { DLQ_HEADERS } from './headers';
import { DeadLetterUnreadableError, parseDeadLetter } from './parse-dead-letter';

const SOURCE = 'marketplace.orders.raw.v1';
const FAILED_AT = new Date('2026-01-02T03:04:05.678Z');

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
const headerName = fc.oneof(
  fc.constantFrom('ce_id', 'a', 'b', '7', '__proto__', 'constructor', 'toString', 'dlq-other', ''),
  fc.string({ unit: 'grapheme', maxLength: 10 }),
);
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

const anyRecord: KafkaRecord = {
  topic: SOURCE,
  partition: 4,
  offset: 17,
  timestamp: Date.parse('2026-01-02T03:00:00.000Z'),
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: { ce_id: Buffer.from('e') },
};
const because = (...reasons: DeadLetterReason[]): DeadLetterContext => ({
  app: 'validator',
  reasons,
  failedAt: FAILED_AT,
});

/** The dead letter as a consumer reads it: header values are bytes. */
function asRead(output: OutputRecord, topic = output.topic, offset = 0): KafkaRecord {
  const read = headerFields(output.headers).map(([name, value]): HeaderField => {
    return [name, typeof value === 'string' ? Buffer.from(value) : value];
  });
  return { ...output, topic, offset, timestamp: 0, headers: headersOf(read) };
}

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
    const forged = { ...retried, headers: { ...retried.headers, [DLQ_HEADERS.sourceTopic]: 'elsewhere' } };
    expect(buildDeadLetter(forged, why).topic).toBe(`${SOURCE}.dlq.bq-sink`);
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
    Object.values(DLQ_HEADERS).filter((name) => !/source-(partition|offset|timestamp)|dlq-cut|dlq-batch/.test(name)),
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

describe('the dead letter of a record batch that cannot be decoded', () => {
  const batch: UnreadableBatch = {
    topic: SOURCE,
    partition: 4,
    baseOffset: 70,
    firstOffset: 73,
    lastOffset: 81,
    nextOffset: 82,
    records: 12,
    unread: 9,
    codec: 4,
    timestamp: anyRecord.timestamp,
    isIntact: false,
    bytes: randomBytes(5_000),
    reason: 'its CRC-32C differs from its bytes',
  };
  const build = (given: Partial<UnreadableBatch> = {}) =>
    buildBatchDeadLetter({ ...batch, ...given }, { app: 'bq-sink', failedAt: FAILED_AT });
  const read = (letter: OutputRecord) => parseDeadLetter(asRead(letter));

  it('holds the bytes of the batch and says what was left out, and that it is no record', () => {
    const letter = read(build());
    expect(letter).toMatchObject({
      topic: `${SOURCE}.dlq.bq-sink`,
      partition: 4,
      key: null,
      attempt: 1,
      reason: 'structure.unreadable_batch',
      source: { topic: SOURCE, partition: 4, offset: 73, timestamp: new Date(anyRecord.timestamp) },
      batch: { firstOffset: 73, lastOffset: 81, records: 9, baseOffset: 70, bytes: 5_000 },
      cut: undefined,
      needsEdit: true,
      headers: {},
    });
    expect(letter.value?.equals(batch.bytes)).toBe(true);
    expect(letter.reasons.map(({ constraint }) => constraint)).toEqual([
      '9 records, offsets 73 to 81',
      'its CRC-32C differs from its bytes',
    ]);
  });

  it('is cut to what its topic takes, and has the size of the whole batch', () => {
    const letter = read(build({ bytes: randomBytes(5 * 1_048_576) }));
    expect(letter).toMatchObject({ cut: { value: 5 * 1_048_576 }, batch: { bytes: 5 * 1_048_576 }, needsEdit: true });
    expect(letter.value).toHaveLength(1_048_576);
  });

  it('differs from the letter of a whole record and of a cut one', () => {
    expect(read(buildDeadLetter(anyRecord, because({ code: 'x' })))).toMatchObject({
      batch: undefined,
      needsEdit: false,
    });
    const cut = buildDeadLetter({ ...anyRecord, value: randomBytes(6 * 1_048_576) }, because({ code: 'x' }));
    expect(read(cut)).toMatchObject({ batch: undefined, needsEdit: true });
  });

  it.each(['much', '{}', '{"firstOffset":1}'])('is rejected when its header is %s', (value) => {
    const letter = build();
    letter.headers['dlq-batch'] = value;
    expect(() => read(letter)).toThrow('dlq-batch');
  });
});

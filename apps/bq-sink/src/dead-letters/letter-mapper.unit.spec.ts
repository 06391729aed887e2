import { RowBuffer } from '@orderstream/bigquery';
import { DLQ_HEADERS, TABLES } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { type HeaderField, headersOf, type KafkaRecord } from '@orderstream/kafka';
import fc from 'fast-check';

import type { Row } from '../../../../test/write-api-server/src/row-decoder';
import { decodedRows } from '../../test/decoded-rows';
import { LetterMapper } from './letter-mapper';

const NOW_MS = Date.parse('2026-03-04T05:06:07.008Z');
const DAY_MS = 86_400_000;
const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';
const mapper = new LetterMapper('validator', () => NOW_MS);

/** The one row of a record; microseconds are numbers. */
function rowOf(record: KafkaRecord): Row {
  const rows = new RowBuffer();
  expect(mapper.encode(record, rows)).toBeUndefined();
  const decoded = decodedRows(rows, mapper.schema);
  expect(decoded).toHaveLength(1);
  return decoded[0] as Row;
}

const micros = (time: string | number): number => new Date(time).getTime() * 1_000;

const rejected: KafkaRecord = {
  topic: 'marketplace.orders.raw.v1',
  partition: 4,
  offset: 17,
  timestamp: Date.parse('2026-03-01T00:00:00.000Z'),
  key: Buffer.from('customer'),
  value: Buffer.from('{"price":"-1"}'),
  headers: headersOf([
    ['ce_id', Buffer.from('e1')],
    ['ce_type', Buffer.from('order.placed')],
    ['ce_source', Buffer.from('/shop')],
    ['traceparent', Buffer.from('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')],
    ['raw', Buffer.from([0xff])],
    ['none', null],
  ]),
};

/** The dead letter of a record as a consumer reads it. */
function letterOf(record: KafkaRecord, changes: Readonly<Record<string, string>> = {}): KafkaRecord {
  const built = buildDeadLetter(record, {
    app: 'validator',
    reasons: [{ code: 'structure.invalid_field', path: 'item_price', constraint: 'isPositive' }],
    failedAt: new Date('2026-03-02T00:00:00.000Z'),
  });
  return {
    ...built,
    offset: 99,
    timestamp: Date.parse('2026-03-02T00:00:01.000Z'),
    headers: { ...built.headers, ...changes },
  };
}

describe('the row of a dead letter', () => {
  it('has the failure, the source, the content as text, and its own coordinates', () => {
    expect(rowOf(letterOf(rejected))).toEqual({
      source: 'stream',
      app: 'validator',
      reason: 'structure.invalid_field',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      detail: '[{"code":"structure.invalid_field","path":"item_price","constraint":"isPositive"}]',
      source_topic: 'marketplace.orders.raw.v1',
      source_partition: 4,
      source_offset: 17,
      source_timestamp: micros('2026-03-01T00:00:00.000Z'),
      attempt: 1,
      failed_at: micros('2026-03-02T00:00:00.000Z'),
      first_failed_at: micros('2026-03-02T00:00:00.000Z'),
      event_id: 'e1',
      event_type: 'order.placed',
      event_source: '/shop',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      record_key: 'customer',
      body: '{"price":"-1"}',
      headers: JSON.stringify([
        { name: 'ce_id', value: 'e1' },
        { name: 'ce_type', value: 'order.placed' },
        { name: 'ce_source', value: '/shop' },
        { name: 'traceparent', value: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
        { name: 'raw', base64: '/w==' },
        { name: 'none', value: null },
      ]),
      _kafka_topic: TOPIC,
      _kafka_partition: 4,
      _kafka_offset: 99,
      _kafka_timestamp: micros('2026-03-02T00:00:01.000Z'),
    });
  });

  it('has the attempt and the first failure of a record that was replayed', () => {
    const again = letterOf({ ...letterOf(rejected), topic: rejected.topic, offset: 30 });
    expect(rowOf(again)).toMatchObject({ attempt: 2, source_offset: 30 });
  });

  it.each([
    ['a value that is not UTF-8', { value: Buffer.from([0x7b, 0xff]) }, { body_bytes: Buffer.from([0x7b, 0xff]) }],
    ['a key that is not UTF-8', { key: Buffer.from([0xfe]) }, { record_key_bytes: Buffer.from([0xfe]) }],
    ['an empty value', { value: Buffer.alloc(0) }, { body: '' }],
  ])('keeps %s', (_, changes, expected) => {
    expect(rowOf(letterOf({ ...rejected, ...changes }))).toMatchObject(expected);
  });

  it('has no body for a tombstone, and no key where there is none', () => {
    const row = rowOf(letterOf({ ...rejected, value: null, key: null }));
    expect(Object.keys(row).filter((name) => /body|record_key/.test(name))).toEqual([]);
  });

  it.each([
    ['1,801 days ago', -1_801 * DAY_MS],
    ['in 301 days', 301 * DAY_MS],
  ])('lies in the partition of today if its failure is %s, and keeps the time among its headers', (_, shiftMs) => {
    const time = new Date(NOW_MS + shiftMs).toISOString();
    const row = rowOf(letterOf(rejected, { [DLQ_HEADERS.failedAt]: time }));
    expect(row.failed_at).toBe(micros(NOW_MS));
    expect(JSON.parse(String(row.headers))).toContainEqual({ name: DLQ_HEADERS.failedAt, value: time });
  });

  it('of a record that is no dead letter has its reason, bytes, headers and coordinates, and no source', () => {
    const foreign: KafkaRecord = {
      topic: TOPIC,
      partition: 2,
      offset: 5,
      timestamp: NOW_MS - 1_000,
      key: null,
      value: Buffer.from('hello'),
      headers: headersOf([['dlq-app', Buffer.from('nobody')]]),
    };
    const row = rowOf(foreign);
    expect(row).toMatchObject({
      app: 'validator',
      reason: 'dead_letter.unreadable',
      detail: expect.stringContaining('dlq-app') as string,
      attempt: 1,
      failed_at: micros(NOW_MS - 1_000),
      body: 'hello',
      headers: '[{"name":"dlq-app","value":"nobody"}]',
      _kafka_offset: 5,
    });
    expect(Object.keys(row).filter((name) => name.startsWith('source_'))).toEqual([]);
  });

  it('is cut where the record is larger than a row may be, within no character, and says so', () => {
    const value = Buffer.concat([Buffer.from('a'), Buffer.from('é'.repeat(6_000_000))]);
    const row = rowOf(letterOf({ ...rejected, value, key: Buffer.alloc(100_000, 'k') }));
    expect(JSON.parse(String(row.cut))).toEqual({ value: value.length, key: 100_000 });
    const body = Buffer.from(String(row.body));
    expect(body.equals(value.subarray(0, body.length))).toBe(true);
    expect(body.length).toBe(4_999_999);
  });
});

describe('LetterMapper', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('1', '-1', '99999999999999999', 'validator', 'x', '[]', '{"value":5}', '2026-01-01T00:00:00Z'),
    fc.constantFrom('+275760-09-13T00:00:00.000Z', '-271821-04-20T00:00:00.000Z', '0001-01-01T00:00:00Z'),
    fc.string({ minLength: 5_000, maxLength: 6_000 }),
  );
  const headerValue = fc.oneof(
    text.map((each) => Buffer.from(each)),
    bytes,
    fc.constant(null),
  );
  const headerName = fc.oneof(
    fc.constantFrom(...Object.values(DLQ_HEADERS), 'ce_id', 'ce_type', 'ce_source', 'traceparent', '__proto__'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  const fields = fc.array(fc.tuple(headerName, headerValue), { maxLength: 20 });
  const record = fc.record({
    topic: fc.constant(TOPIC),
    partition: fc.nat({ max: 5 }),
    offset: fc.maxSafeNat(),
    timestamp: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-1, 0, NOW_MS)),
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fields.map(headersOf),
  });
  const required = (TABLES.dead_letters?.columns ?? []).filter(({ mode }) => mode === 'REQUIRED');

  it('has one row with its bytes and coordinates for any record, on a day that BigQuery takes', () => {
    fc.assert(
      fc.property(record, (given) => {
        const row = rowOf(given);
        for (const { name } of required) expect(row[name]).toBeDefined();
        expect([row._kafka_topic, row._kafka_partition, row._kafka_offset]).toEqual([
          TOPIC,
          given.partition,
          given.offset,
        ]);
        const bytesOf = (part: 'body' | 'record_key'): Buffer | null => {
          const retained = row[part] ?? row[`${part}_bytes`];
          return typeof retained === 'string' ? Buffer.from(retained) : ((retained as Buffer | undefined) ?? null);
        };
        expect(bytesOf('body')).toEqual(given.value);
        expect(bytesOf('record_key')).toEqual(given.key);
        const failedAtMs = Number(row.failed_at) / 1_000;
        expect(Math.abs(failedAtMs - NOW_MS)).toBeLessThan(1_801 * DAY_MS);
      }),
    );
  });

  it('has one row for any change to the headers of a dead letter', () => {
    fc.assert(
      fc.property(fields, (changes) => {
        const letter = letterOf(rejected);
        const own = Object.entries(letter.headers) as unknown as HeaderField[];
        expect(rowOf({ ...letter, headers: headersOf([...own, ...changes]) })).toMatchObject({
          body: '{"price":"-1"}',
        });
      }),
    );
  });
});

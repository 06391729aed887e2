import { RowBuffer, RowEncoder } from '@orderstream/bigquery';
import { envelopeHeaders, EVENT_CONTRACTS, retryTopic } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { BigQueryCallError } from '@orderstream/bigquery';
import type { KafkaRecord } from '@orderstream/kafka';
import * as fc from 'fast-check';

import { decodedRows } from '../../test/decoded-rows';
import { RowMapper } from './row-mapper';

const ORDER = Object.fromEntries(
  (EVENT_CONTRACTS.get('order.placed')?.columns ?? []).map(({ name, example }) => [name, example]),
);
const HEADERS = envelopeHeaders({ id: '1', type: 'order.placed', source: 'test', time: '2026-01-02T03:04:05.678Z' });
const mapper = new RowMapper('orders');

const recordOf = (changes: { headers?: object; value?: Buffer | null; key?: Buffer | null } = {}): KafkaRecord =>
  ({
    topic: 'marketplace.orders.validated.v1',
    partition: 3,
    offset: 17,
    timestamp: 0,
    key: null,
    value: Buffer.from(JSON.stringify(ORDER)),
    headers: HEADERS,
    ...changes,
  }) as KafkaRecord;

function encoded(record: KafkaRecord): { readonly rejected: ReturnType<RowMapper['encode']>; readonly row: string } {
  const rows = new RowBuffer();
  const rejected = mapper.encode(record, rows);
  expect(rows.rows).toBe(rejected === undefined ? 1 : 0);
  return { rejected, row: rows.encoded().toString('hex') };
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const headerValue = fc.oneof(
  bytes,
  fc.string(),
  fc.constantFrom(null, undefined),
  fc.array(fc.oneof(bytes, fc.constant(null)), { maxLength: 3 }),
);
const headerName = fc.oneof(
  fc.constantFrom(...Object.keys(HEADERS), 'traceparent', 'quality-flags', 'dlq-attempt', 'dlq-first-failed-at'),
  fc.constantFrom('__proto__', 'constructor', 'toString'),
  fc.string(),
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 8 }).map((entries) => {
  const created = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) created[name] = value;
  return created;
});
const json = fc.oneof(
  fc.json(),
  fc
    .dictionary(fc.oneof(fc.constantFrom(...Object.keys(ORDER)), fc.string()), fc.jsonValue())
    .map((changes) => JSON.stringify({ ...ORDER, ...changes })),
);
const value = fc.oneof(
  bytes,
  fc.constant(null),
  json.map((text) => Buffer.from(text)),
);

describe('RowMapper', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['absent', undefined],
    ['repeated', [Buffer.from('a'), Buffer.from('b')]],
    ['empty', Buffer.alloc(0)],
  ])('takes a traceparent that is %s for no trace', (_, traceparent) => {
    const withHeader = traceparent === undefined ? HEADERS : { ...HEADERS, traceparent };
    expect(encoded(recordOf({ headers: withHeader }))).toEqual(encoded(recordOf()));
  });

  it('takes a header whose value is null for an absent one, alone and among repeated ones', () => {
    for (const nothing of [null, [null], []]) {
      const flagged = recordOf({ headers: { ...HEADERS, 'quality-flags': nothing } });
      expect(encoded(flagged)).toEqual(encoded(recordOf()));
    }
    const one = encoded(recordOf({ headers: { ...HEADERS, 'quality-flags': Buffer.from('time.too_late') } }));
    const repeated = [null, Buffer.from('time.too_late')];
    expect(encoded(recordOf({ headers: { ...HEADERS, 'quality-flags': repeated } }))).toEqual(one);
    expect(one).not.toEqual(encoded(recordOf()));
  });

  it('encodes a row or returns a reason, of which a dead letter is built, whatever key, headers and value are', () => {
    fc.assert(
      fc.property(fc.option(bytes), headers, value, (key, given, body) => {
        const record = recordOf({ key, headers: given, value: body });
        const { rejected } = encoded(record);
        const reason = rejected ?? { code: 'sink.row_rejected', constraint: 'x' };
        const letter = buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: new Date(0) });
        expect(letter.topic).toMatch(/^marketplace\.orders\.validated\.v1\.dlq\.bq-sink(\.parked)?$/);
        expect(letter.partition).toBe(3);
        expect(letter.headers['dlq-source-offset']).toBe('17');
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the row of a replayed record', () => {
  const retries = new RowMapper('orders', 'retry');
  const source = recordOf();
  const reasons = [{ code: 'sink.row_rejected' }];
  const letter = buildDeadLetter(source, { app: 'bq-sink', reasons, failedAt: new Date(0) });
  /** The record that a replay writes to the retry topic. */
  const replayed: KafkaRecord = {
    ...letter,
    topic: retryTopic(source.topic, 'bq-sink'),
    offset: 4,
    timestamp: 9_000,
    headers: Object.fromEntries(
      Object.entries(letter.headers).map(([name, text]) => [name, Buffer.from(String(text))]),
    ),
  };
  const rowsOf = (from: RowMapper, record: KafkaRecord) => {
    const rows = new RowBuffer();
    expect(from.encode(record, rows)).toBeUndefined();
    return decodedRows(rows, from.schema);
  };

  it('is that of its source record, with its place in the retry topic', () => {
    const [own] = rowsOf(mapper, source);
    expect(own).toMatchObject({ _kafka_topic: source.topic, _kafka_partition: 3, _kafka_offset: 17 });
    expect(rowsOf(retries, replayed)).toEqual([{ ...own, _retry_partition: 3, _retry_offset: 4 }]);
  });

  it.each([
    ['another partition', { partition: 2 }],
    ['no headers of a dead letter', { headers: HEADERS }],
  ])('is rejected in %s: no replay has written it there', (_, changes) => {
    const rows = new RowBuffer();
    expect(retries.encode({ ...replayed, ...changes }, rows)).toMatchObject({ code: 'replay.source_unknown' });
    expect(rows.rows).toBe(0);
  });
});

describe('a mapping that throws', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });
  const good = encoded(recordOf());

  it('is tried three times, and leaves nothing of the row that was begun', () => {
    const rows = new RowBuffer();
    const encode = jest.spyOn(RowEncoder.prototype, 'encode').mockImplementation((_body, _metadata, out) => {
      out.beginRow();
      out.varint(1);
      throw new TypeError('undefined is not a function');
    });
    expect(mapper.encode(recordOf(), rows)).toEqual({
      code: 'sink.mapping_failed',
      constraint: 'undefined is not a function',
    });
    expect(encode).toHaveBeenCalledTimes(3);
    encode.mockRestore();
    expect(mapper.encode(recordOf(), rows)).toBeUndefined();
    expect(rows.encoded().toString('hex')).toBe(good.row);
  });

  it('succeeds when it throws twice', () => {
    let attempts = 0;
    const { encode } = RowEncoder.prototype;
    jest.spyOn(RowEncoder.prototype, 'encode').mockImplementation(function (this: RowEncoder, ...args) {
      if (++attempts < 3) throw new Error('x');
      return encode.apply(this, args);
    });
    expect(encoded(recordOf())).toEqual(good);
  });

  it('is not a rejection when the error says that it is transient', () => {
    const transient = new BigQueryCallError('x', { code: 'QUERY_FAILED', retriable: true });
    jest.spyOn(RowEncoder.prototype, 'encode').mockImplementation(() => {
      throw transient;
    });
    expect(() => mapper.encode(recordOf(), new RowBuffer())).toThrow(transient);
  });

  it.each<[string, unknown]>([
    ['no error', 'text'],
    [
      'without a text',
      {
        toString: () => {
          throw new Error('no');
        },
      },
    ],
  ])('is a rejection when what it throws is %s', (_, thrown) => {
    jest.spyOn(RowEncoder.prototype, 'encode').mockImplementation(() => {
      throw thrown;
    });
    expect(mapper.encode(recordOf(), new RowBuffer())).toMatchObject({ code: 'sink.mapping_failed' });
  });
});

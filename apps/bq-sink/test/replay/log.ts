import { envelopeHeaders, EVENT_CONTRACTS, tableForFamily, validatedTopic } from '@orderstream/contracts';
import type { RowBuffer } from '@orderstream/bigquery';
import type { KafkaRecord, TopicPartition, RecordBatch } from '@orderstream/kafka';

import { RowDecoder } from '../../../../test/write-api-server/src/row-decoder';
import { visitFields } from '../../../../test/write-api-server/src/protobuf-fields';
import { RowMapper } from '../../src/streams/row-mapper';

export const PARTITION: TopicPartition = { topic: validatedTopic('orders'), partition: 3 };
export const TABLE = { project: 'test-project', dataset: 'd', table: tableForFamily('orders').table };

const ORDER = Object.fromEntries(
  (EVENT_CONTRACTS.get('order.placed')?.columns ?? []).map(({ name, example }) => [name, example]),
);
const HEADERS = envelopeHeaders({ id: '1', type: 'order.placed', source: 'test', time: '2026-01-02T03:04:05.678Z' });
/** Valid for the encoder, rejected by BigQuery. */
const NO_NUMERIC = { item_price: '99999999999999999999999999999999999.00' };

/** The records of a log of the model as a partition task passes them: `o` valid, `b` rejected by BigQuery. */
export function recordsOf(entries: string, from: number, end: number): RecordBatch {
  const records = Array.from(entries.slice(from, end), (entry, index): KafkaRecord => {
    if (entry !== 'o' && entry !== 'b') throw new RangeError(`the replay supports no record of kind ${entry}`);
    return {
      ...PARTITION,
      offset: from + index,
      timestamp: 0,
      key: null,
      value: Buffer.from(JSON.stringify({ ...ORDER, ...(entry === 'b' ? NO_NUMERIC : {}) })),
      headers: HEADERS,
    };
  });
  return { ...PARTITION, records, nextOffset: end };
}

export const MAPPER = new RowMapper('orders');
const DECODER = new RowDecoder(MAPPER.schema);

/** The offsets of the records of these rows. */
export function offsetsOf(rows: RowBuffer): number[] {
  const bytes = rows.encoded();
  const offsets: number[] = [];
  visitFields(bytes, 0, bytes.length, (_field, _type, start, end) => {
    offsets.push(Number(DECODER.decode(bytes.subarray(start, end))._kafka_offset));
  });
  return offsets;
}

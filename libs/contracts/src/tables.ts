import { PIPELINE_RUNS, RAW_ORDERS } from './batch-tables';
import type { Column, ColumnMode } from './columns';
import { contractsOfFamily } from './event-contracts';
import { FAMILIES, FAMILY_TABLES, type Family } from './families';
import type { TableSpec } from './table-spec';
import { validatedTopic } from './topics';

const column = (
  name: string,
  type: Column['type'],
  mode: ColumnMode,
  description: string,
  personal = false,
): Column => ({ name, type, mode, description, personal });

/** The columns of a family table beside the fields of its events: the origin of the row. */
export const METADATA_COLUMNS: readonly Column[] = [
  column(
    'event_source',
    'STRING',
    'REQUIRED',
    'Producer of the event: ce_source. (event_source, event_id) identifies the event.',
  ),
  column('quality_flags', 'STRING', 'REPEATED', 'Codes of the quality rules that flagged or repaired the event.'),
  column('trace_id', 'STRING', 'NULLABLE', "Trace id (32 hex digits) of the record's traceparent."),
  column('_kafka_topic', 'STRING', 'REQUIRED', 'Validated topic of the record.'),
  column('_kafka_partition', 'INT64', 'REQUIRED', 'Partition of the record.'),
  column('_kafka_offset', 'INT64', 'REQUIRED', 'Offset of the record. Topic, partition and offset identify the row.'),
  column('_kafka_timestamp', 'TIMESTAMP', 'REQUIRED', 'Append time of the raw record.'),
  column(
    '_retry_partition',
    'INT64',
    'NULLABLE',
    'Partition in the retry topic. Null unless the row was replayed from there.',
  ),
  column(
    '_retry_offset',
    'INT64',
    'NULLABLE',
    'Offset in the retry topic. Null unless the row was replayed from there.',
  ),
];

/** The columns of all types of a family. A column is REQUIRED only if every type requires it. */
function unionColumns(family: Family): readonly Column[] {
  const contracts = contractsOfFamily(family);
  const byName = new Map(
    contracts
      .flatMap((contract) => contract.columns)
      .reverse()
      .map((each) => [each.name, each]),
  );
  const names = new Set(contracts.flatMap((contract) => contract.columns.map(({ name }) => name)));
  const required = (name: string): boolean =>
    contracts.every((contract) => contract.columns.some((each) => each.name === name && each.mode === 'REQUIRED'));
  return [...names].flatMap((name) => {
    const first = byName.get(name);
    if (first === undefined) return [];
    return column(name, first.type, required(name) ? 'REQUIRED' : 'NULLABLE', first.description, first.personal);
  });
}

const FAMILY_GRAINS = {
  orders: 'One row per order event.',
  interactions: 'One row per interaction of a customer with the shop.',
  catalog: 'One row per change of a vendor or product, with its full state.',
  customers: 'One row per change of a customer, with its full state.',
} as const satisfies Record<Family, string>;

const familyTable = (family: Family): TableSpec => ({
  table: FAMILY_TABLES[family],
  columns: [...unionColumns(family), ...METADATA_COLUMNS],
  partitionField: 'occurred_at',
  clustering: ['_kafka_partition', '_kafka_offset'],
  description: `${FAMILY_GRAINS[family]} Holds the records of ${validatedTopic(family)}, each exactly once.`,
});

const DEAD_LETTERS: TableSpec = {
  table: 'dead_letters',
  columns: [
    column('source', 'STRING', 'REQUIRED', 'Path that rejected the record: stream or batch.'),
    column('app', 'STRING', 'REQUIRED', 'Service that wrote the dead letter: dlq-app.'),
    column(
      'reason',
      'STRING',
      'REQUIRED',
      'Code of the first rule that rejected the record: dlq-reason; dead_letter.unreadable if the record is no dead letter.',
    ),
    column(
      'fingerprint',
      'STRING',
      'REQUIRED',
      'Groups similar failures: 16 hex digits of a hash over app, reason and field path.',
    ),
    column('detail', 'STRING', 'NULLABLE', 'All reasons as JSON [{code, path, constraint}]: dlq-detail.'),
    column('source_topic', 'STRING', 'NULLABLE', 'Topic of the rejected record. Null for batch.'),
    column('source_partition', 'INT64', 'NULLABLE', 'Partition of the rejected record. Null for batch.'),
    column('source_offset', 'INT64', 'NULLABLE', 'Offset of the rejected record. Null for batch.'),
    column('source_timestamp', 'TIMESTAMP', 'NULLABLE', 'Append time of the rejected record. Null for batch.'),
    column('batch_run_id', 'STRING', 'NULLABLE', 'Batch run that rejected the row. Null for stream.'),
    column(
      'batch_row',
      'INT64',
      'NULLABLE',
      'Number of the row in the run, from 0; of a CSV or JSON lines file, its line, from 1. Null for stream.',
    ),
    column('attempt', 'INT64', 'REQUIRED', 'How many times the record has been rejected, from 1.'),
    column(
      'failed_at',
      'TIMESTAMP',
      'REQUIRED',
      'When the record was rejected this time: dlq-failed-at. The time at which the row was written, if BigQuery takes no ' +
        'streamed row of that day; headers has the original then.',
    ),
    column('first_failed_at', 'TIMESTAMP', 'REQUIRED', 'When the record was rejected for the first time.'),
    column('event_id', 'STRING', 'NULLABLE', 'ce_id. Null if the record has none.'),
    column('event_type', 'STRING', 'NULLABLE', 'ce_type. Null if the record has none.'),
    column('event_source', 'STRING', 'NULLABLE', 'ce_source. Null if the record has none.'),
    column('trace_id', 'STRING', 'NULLABLE', "Trace id (32 hex digits) of the record's traceparent."),
    column('record_key', 'STRING', 'NULLABLE', 'Unchanged key, if it is UTF-8. Null if the record has none.'),
    column('record_key_bytes', 'BYTES', 'NULLABLE', 'Unchanged key, if it is not UTF-8.'),
    column('body', 'STRING', 'NULLABLE', 'Unchanged value, if it is UTF-8. Null for a tombstone.', true),
    column('body_bytes', 'BYTES', 'NULLABLE', 'Unchanged value, if it is not UTF-8.', true),
    column(
      'headers',
      'STRING',
      'NULLABLE',
      'Headers in order, as JSON [{name, value}], or {name, base64} for a value that is not UTF-8. Without dlq-*, unless a ' +
        'column does not have what they say.',
      true,
    ),
    column(
      'cut',
      'STRING',
      'NULLABLE',
      'What is not whole, as JSON {name: original bytes}, where the name is value, headers or key. Null if the record is complete.',
    ),
    column('_kafka_topic', 'STRING', 'NULLABLE', 'Dead-letter topic. Null for batch.'),
    column('_kafka_partition', 'INT64', 'NULLABLE', 'Partition of the dead letter. Null for batch.'),
    column('_kafka_offset', 'INT64', 'NULLABLE', 'Offset of the dead letter. Null for batch.'),
    column('_kafka_timestamp', 'TIMESTAMP', 'NULLABLE', 'Timestamp of the dead letter. Null for batch.'),
  ],
  partitionField: 'failed_at',
  clustering: ['_kafka_partition', '_kafka_offset'],
  description:
    'One row per dead letter: per (app, source topic, partition, offset, attempt) of the stream, or per (run, row) ' +
    'of the batch. Holds the records of all dead-letter topics and parked topics, each exactly once.',
};

/** The columns that a BigQuery subscription adds when it writes metadata. */
const SUBSCRIPTION_COLUMNS: readonly Column[] = [
  column('subscription_name', 'STRING', 'NULLABLE', 'Subscription that wrote the row.'),
  column(
    'message_id',
    'STRING',
    'NULLABLE',
    'Id of the message in its Pub/Sub topic. The same for every delivery of the message.',
  ),
  column('publish_time', 'TIMESTAMP', 'NULLABLE', 'When the message was published.'),
  column(
    'attributes',
    'STRING',
    'NULLABLE',
    'Attributes of the message as a JSON object. kafka_topic, kafka_partition and kafka_offset identify the record.',
  ),
];

const STREAMING_ORDERS: TableSpec = {
  table: 'streaming_orders',
  columns: [...unionColumns('orders').map((each): Column => ({ ...each, mode: 'NULLABLE' })), ...SUBSCRIPTION_COLUMNS],
  partitionField: 'occurred_at',
  clustering: ['event_type', 'order_id'],
  description:
    'One row per delivery of an order event by the BigQuery subscription, at least one per event. To remove ' +
    'duplicates, group by the attributes kafka_topic, kafka_partition and kafka_offset.',
};

/** All tables that services write, by name. */
export const TABLES: Readonly<Record<string, TableSpec>> = Object.fromEntries(
  [...FAMILIES.map(familyTable), DEAD_LETTERS, STREAMING_ORDERS, RAW_ORDERS, PIPELINE_RUNS].map((spec) => [
    spec.table,
    spec,
  ]),
);

/** The table of a family's validated events. */
export function tableForFamily(family: Family): TableSpec {
  const spec = TABLES[FAMILY_TABLES[family]];
  if (spec === undefined) throw new TypeError(`no table for ${family}`);
  return spec;
}

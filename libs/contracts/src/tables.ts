import type { Column, ColumnMode } from './columns';
import { contractsOfFamily } from './event-contracts';
import { FAMILIES, FAMILY_TABLES, type Family } from './families';

/** A table of the warehouse that a service writes: its columns in order, and how it is laid out. */
export interface TableSpec {
  readonly table: string;
  readonly columns: readonly Column[];
  /** TIMESTAMP column; the table is partitioned by its UTC day. */
  readonly partitionField: string;
  readonly clustering: readonly string[];
  /** Opens with the grain. */
  readonly description: string;
}

const column = (
  name: string,
  type: Column['type'],
  mode: ColumnMode,
  description: string,
  personal = false,
): Column => ({ name, type, mode, description, personal });

/** What each stream table has beside its events' columns: where the row came from. */
export const METADATA_COLUMNS: readonly Column[] = [
  column(
    'event_source',
    'STRING',
    'REQUIRED',
    'Who produced the event: ce_source. (event_source, event_id) is its identity.',
  ),
  column('quality_flags', 'STRING', 'REPEATED', 'Codes of the quality rules that flagged or repaired the event.'),
  column('trace_id', 'STRING', 'NULLABLE', "Trace id (32 hex digits) of the record's traceparent."),
  column('_kafka_topic', 'STRING', 'REQUIRED', 'Validated topic that holds the record.'),
  column('_kafka_partition', 'INT64', 'REQUIRED', 'Partition that holds the record.'),
  column('_kafka_offset', 'INT64', 'REQUIRED', "The record's offset: with topic and partition its identity."),
  column('_kafka_timestamp', 'TIMESTAMP', 'REQUIRED', 'When the raw record was appended to the log.'),
  column('_retry_partition', 'INT64', 'NULLABLE', 'Partition of the retry topic, if the row came by a replay.'),
  column('_retry_offset', 'INT64', 'NULLABLE', 'Offset in the retry topic, if the row came by a replay.'),
];

/** All columns of a family's types; REQUIRED only where every type of the family requires it. */
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
  orders: 'One row per event in the life of an order (order.*).',
  interactions: 'One row per thing that a customer did in the shop.',
  catalog: 'One row per change of a vendor or product, each with the full state.',
  customers: 'One row per change of a customer, each with the full state.',
} as const satisfies Record<Family, string>;

const familyTable = (family: Family): TableSpec => ({
  table: FAMILY_TABLES[family],
  columns: [...unionColumns(family), ...METADATA_COLUMNS],
  partitionField: 'occurred_at',
  clustering: ['_kafka_partition', '_kafka_offset'],
  description: `${FAMILY_GRAINS[family]} Exactly the records of marketplace.${family}.validated.v1.`,
});

const DEAD_LETTERS: TableSpec = {
  table: 'dead_letters',
  columns: [
    column('source', 'STRING', 'REQUIRED', 'What dead-lettered it: stream or batch.'),
    column('app', 'STRING', 'REQUIRED', 'Service that dead-lettered it: dlq-app.'),
    column('reason', 'STRING', 'REQUIRED', 'Code of the first rule that fired: dlq-reason.'),
    column(
      'fingerprint',
      'STRING',
      'REQUIRED',
      'Groups alike failures: 16 hex digits over app, reason and field path.',
    ),
    column('detail', 'STRING', 'NULLABLE', 'All that was found, as JSON [{code, path, constraint}]: dlq-detail.'),
    column('source_topic', 'STRING', 'NULLABLE', 'Topic that the record was read from; null for batch.'),
    column('source_partition', 'INT64', 'NULLABLE', 'Partition that the record was read from; null for batch.'),
    column('source_offset', 'INT64', 'NULLABLE', 'Offset that the record was read at; null for batch.'),
    column('source_timestamp', 'TIMESTAMP', 'NULLABLE', 'When the record was appended there; null for batch.'),
    column('batch_run_id', 'STRING', 'NULLABLE', 'Batch run that rejected the row; null for stream.'),
    column('batch_row', 'INT64', 'NULLABLE', 'Number of the row in the run, from 0; null for stream.'),
    column('attempt', 'INT64', 'REQUIRED', 'How often it has been dead-lettered, from 1.'),
    column('failed_at', 'TIMESTAMP', 'REQUIRED', 'When it was dead-lettered this time.'),
    column('first_failed_at', 'TIMESTAMP', 'REQUIRED', 'When it was dead-lettered first.'),
    column('event_id', 'STRING', 'NULLABLE', 'ce_id, as far as the record had one.'),
    column('event_type', 'STRING', 'NULLABLE', 'ce_type, as far as the record had one.'),
    column('event_source', 'STRING', 'NULLABLE', 'ce_source, as far as the record had one.'),
    column('trace_id', 'STRING', 'NULLABLE', "Trace id (32 hex digits) of the record's traceparent."),
    column('key', 'BYTES', 'NULLABLE', "The record's key, untouched; null if it had none.", true),
    column('value', 'BYTES', 'NULLABLE', "The record's value, untouched; null for a tombstone.", true),
    column('headers', 'STRING', 'NULLABLE', 'The headers in their order, as JSON [[name, base64 of the value]].', true),
    column('_kafka_topic', 'STRING', 'NULLABLE', 'Dead-letter topic that holds the record; null for batch.'),
    column('_kafka_partition', 'INT64', 'NULLABLE', 'Partition that holds the record; null for batch.'),
    column('_kafka_offset', 'INT64', 'NULLABLE', 'Offset of the record there; null for batch.'),
    column('_kafka_timestamp', 'TIMESTAMP', 'NULLABLE', 'Time of the record there; null for batch.'),
  ],
  partitionField: 'failed_at',
  clustering: ['_kafka_partition', '_kafka_offset'],
  description:
    'One row per dead letter, that is per (app, source topic, partition, offset, attempt) of the stream ' +
    'or per (run, row) of the batch.',
};

/** What a BigQuery subscription adds when it writes metadata. */
const SUBSCRIPTION_COLUMNS: readonly Column[] = [
  column('subscription_name', 'STRING', 'NULLABLE', 'Subscription that wrote the row.'),
  column('message_id', 'STRING', 'NULLABLE', 'Id of the message within its Pub/Sub topic; a redelivery keeps it.'),
  column('publish_time', 'TIMESTAMP', 'NULLABLE', 'When the message was published.'),
  column(
    'attributes',
    'STRING',
    'NULLABLE',
    'The attributes as a JSON object, with kafka_topic, kafka_partition and kafka_offset.',
  ),
];

const STREAMING_ORDERS: TableSpec = {
  table: 'streaming_orders',
  columns: [...unionColumns('orders').map((each): Column => ({ ...each, mode: 'NULLABLE' })), ...SUBSCRIPTION_COLUMNS],
  partitionField: 'occurred_at',
  clustering: ['event_type', 'order_id'],
  description:
    'One row per delivery of an order event by the BigQuery subscription: at least one per event. ' +
    'Exactly once is what the de-duplicating view gives.',
};

/** Every stream table by its name. */
export const TABLES: Readonly<Record<string, TableSpec>> = Object.fromEntries(
  [...FAMILIES.map(familyTable), DEAD_LETTERS, STREAMING_ORDERS].map((spec) => [spec.table, spec]),
);

/** The table that holds a family's validated events. */
export function tableForFamily(family: Family): TableSpec {
  const spec = TABLES[FAMILY_TABLES[family]];
  if (spec === undefined) throw new TypeError(`no table for ${family}`);
  return spec;
}

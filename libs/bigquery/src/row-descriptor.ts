import type { BigQueryType, Column } from '@orderstream/contracts';

import { bytesField, varintField } from './protobuf';

/** google.protobuf.FieldDescriptorProto.Type */
const TYPE_INT64 = 3;
const TYPE_BOOL = 8;
const TYPE_STRING = 9;
const TYPE_BYTES = 12;

/** google.protobuf.FieldDescriptorProto.Label */
const LABELS = { NULLABLE: 1, REQUIRED: 2, REPEATED: 3 } as const satisfies Record<Column['mode'], number>;

/**
 * How each column type travels ("BigQuery Storage Write API: Data type conversions"): TIMESTAMP as microseconds since
 * the epoch, NUMERIC as its decimal string.
 */
const PROTO_TYPES = {
  STRING: TYPE_STRING,
  NUMERIC: TYPE_STRING,
  INT64: TYPE_INT64,
  TIMESTAMP: TYPE_INT64,
  BOOL: TYPE_BOOL,
  BYTES: TYPE_BYTES,
} as const satisfies Record<BigQueryType, number>;

/**
 * The ProtoSchema of rows with these columns, as bytes: one self-contained proto2 message whose fields have the
 * columns' names and are numbered from 1 in their order.
 */
export function rowSchema(messageName: string, columns: readonly Column[]): Buffer {
  const fields = columns.map((column, index) =>
    bytesField(
      2,
      Buffer.concat([
        bytesField(1, column.name),
        varintField(3, index + 1),
        varintField(4, LABELS[column.mode]),
        varintField(5, PROTO_TYPES[column.type]),
      ]),
    ),
  );
  return bytesField(1, Buffer.concat([bytesField(1, messageName), ...fields]));
}

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
 * The protobuf type of each column type ("BigQuery Storage Write API: Data type conversions"): TIMESTAMP is microseconds
 * since the epoch, NUMERIC is a decimal string.
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
 * The encoded ProtoSchema of rows with these columns: one self-contained proto2 message. Its fields have the names of the
 * columns and are numbered from 1, in order.
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

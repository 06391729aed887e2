import { bytesField, tag, varint, varintField, WIRE_BYTES } from './protobuf';
import type { RowBuffer } from './row-buffer';

/** Largest size of an AppendRows request ("BigQuery quotas: Storage Write API"). */
export const MAX_REQUEST_BYTES = 10_000_000;

export interface AppendHead {
  readonly stream: string;
  /** Encoded ProtoSchema. The first request of a connection needs it; later requests may omit it. */
  readonly schema?: Buffer;
}

/** `default_missing_value_interpretation` of DEFAULT_VALUE: columns that others have added get their default. */
const FILL_DEFAULTS = varintField(8, 2);

/** The fields of an AppendRowsRequest that are the same for all requests of a connection. */
export interface EncodedHead {
  /** Encoded field write_stream; in the first request also the default values, which apply to all later ones. */
  readonly stream: Buffer;
  /** Encoded field writer_schema of ProtoData, or empty. */
  readonly schema: Buffer;
}

export const encodeHead = ({ stream, schema }: AppendHead): EncodedHead => ({
  stream: schema === undefined ? bytesField(1, stream) : Buffer.concat([bytesField(1, stream), FILL_DEFAULTS]),
  schema: schema === undefined ? Buffer.alloc(0) : bytesField(1, schema),
});

/** Encodes an AppendRowsRequest. Copies the encoded rows once, without a message object or a serializer per row. */
export function encodeAppendRequest(head: EncodedHead, offset: number, rows: RowBuffer): Buffer {
  const encoded = rows.encoded();
  const rowsHead = Buffer.concat([tag(2, WIRE_BYTES), varint(encoded.length)]);
  const protoDataLength = head.schema.length + rowsHead.length + encoded.length;
  return Buffer.concat([
    head.stream,
    bytesField(2, varintField(1, offset)),
    tag(4, WIRE_BYTES),
    varint(protoDataLength),
    head.schema,
    rowsHead,
    encoded,
  ]);
}

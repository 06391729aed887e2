import { bytesField, tag, varint, varintField, WIRE_BYTES } from './protobuf';
import type { RowBuffer } from './row-buffer';

/** What an AppendRows request may have at most ("BigQuery quotas: Storage Write API"). */
export const MAX_REQUEST_BYTES = 10_000_000;

export interface AppendHead {
  readonly stream: string;
  /** ProtoSchema bytes; the first request of a connection needs it, later ones may leave it out. */
  readonly schema?: Buffer;
}

/** The part of an AppendRowsRequest that is the same for all requests of a connection. */
export interface EncodedHead {
  /** write_stream, or nothing. */
  readonly stream: Buffer;
  /** writer_schema within ProtoData, or nothing. */
  readonly schema: Buffer;
}

export const encodeHead = ({ stream, schema }: AppendHead): EncodedHead => ({
  stream: bytesField(1, stream),
  schema: schema === undefined ? Buffer.alloc(0) : bytesField(1, schema),
});

/**
 * An AppendRowsRequest as bytes: head, offset and the rows as they lie in their buffer. One copy of the rows, instead
 * of a message object and a serializer's walk over every row.
 */
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

import { int64At, visitFields } from './protobuf-fields';

/** The fields of an AppendRowsRequest that the server needs. */
export interface AppendRequest {
  /** The serialized request. */
  readonly bytes: Buffer;
  /** `write_stream`; optional after the first request of a connection. */
  readonly stream: string | undefined;
  readonly offset: number | undefined;
  /** The serialized ProtoSchema; optional after the first request of a connection. */
  readonly schema: Buffer | undefined;
  /** `default_missing_value_interpretation`; applies to later requests, too. */
  readonly missingValues: number | undefined;
  readonly rowCount: number;
  /** The serialized rows. */
  rows(): Buffer[];
}

const WRITE_STREAM = 1;
const OFFSET = 2;
const PROTO_ROWS = 4;
const DEFAULT_MISSING_VALUE_INTERPRETATION = 8;
const WRITER_SCHEMA = 1;
const ROWS = 2;

/**
 * Parses a request without an object per row, for speed.
 * @throws RangeError when the bytes are not a message
 */
export function readAppendRequest(bytes: Buffer): AppendRequest {
  let stream: string | undefined;
  let offset: number | undefined;
  let schema: Buffer | undefined;
  let missingValues: number | undefined;
  let rowCount = 0;
  const rowRanges: [start: number, end: number][] = [];
  visitFields(bytes, 0, bytes.length, (field, _wireType, start, end) => {
    if (field === WRITE_STREAM) stream = bytes.toString('utf8', start, end);
    else if (field === OFFSET) {
      offset = 0; // proto3 omits a zero
      visitFields(bytes, start, end, (_field, _type, at) => (offset = Number(int64At(bytes, at))));
    } else if (field === DEFAULT_MISSING_VALUE_INTERPRETATION) missingValues = Number(int64At(bytes, start));
    else if (field === PROTO_ROWS) {
      visitFields(bytes, start, end, (protoRowsField, _type, from, to) => {
        if (protoRowsField === WRITER_SCHEMA) schema = bytes.subarray(from, to);
        else if (protoRowsField === ROWS) {
          rowRanges.push([from, to]);
          visitFields(bytes, from, to, () => rowCount++);
        }
      });
    }
  });
  const rows = (): Buffer[] => {
    const found: Buffer[] = [];
    for (const [from, to] of rowRanges)
      visitFields(bytes, from, to, (_field, _type, start, end) => found.push(bytes.subarray(start, end)));
    return found;
  };
  return { bytes, stream: stream === '' ? undefined : stream, offset, schema, missingValues, rowCount, rows };
}

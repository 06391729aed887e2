import { int64At, visitFields } from './wire';

/** An AppendRowsRequest, read as far as offsets and connections need it. */
export interface AppendRequest {
  /** The request as it came. */
  readonly bytes: Buffer;
  /** `write_stream`; a later request of a connection may leave it out. */
  readonly stream: string | undefined;
  readonly offset: number | undefined;
  /** ProtoSchema, where the request has one. */
  readonly schema: Buffer | undefined;
  readonly rowCount: number;
  /** The serialized rows. */
  rows(): Buffer[];
}

const WRITE_STREAM = 1;
const OFFSET = 2;
const PROTO_ROWS = 4;
const WRITER_SCHEMA = 1;
const ROWS = 2;

/**
 * Reads a request without making an object for each row: at full speed a server has no time for them.
 * @throws RangeError when these bytes are no message
 */
export function readAppendRequest(bytes: Buffer): AppendRequest {
  let stream: string | undefined;
  let offset: number | undefined;
  let schema: Buffer | undefined;
  let rowCount = 0;
  const parts: [start: number, end: number][] = [];
  visitFields(bytes, 0, bytes.length, (field, _wireType, start, end) => {
    if (field === WRITE_STREAM) stream = bytes.toString('utf8', start, end);
    else if (field === OFFSET) {
      offset = 0; // proto3 leaves a zero out
      visitFields(bytes, start, end, (_field, _type, at) => (offset = Number(int64At(bytes, at))));
    } else if (field === PROTO_ROWS) {
      visitFields(bytes, start, end, (part, _type, from, to) => {
        if (part === WRITER_SCHEMA) schema = bytes.subarray(from, to);
        else if (part === ROWS) {
          parts.push([from, to]);
          visitFields(bytes, from, to, () => rowCount++);
        }
      });
    }
  });
  const rows = (): Buffer[] => {
    const found: Buffer[] = [];
    for (const [from, to] of parts)
      visitFields(bytes, from, to, (_field, _type, start, end) => found.push(bytes.subarray(start, end)));
    return found;
  };
  return { bytes, stream: stream === '' ? undefined : stream, offset, schema, rowCount, rows };
}

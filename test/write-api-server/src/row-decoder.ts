import { isUtf8 } from 'node:buffer';
import { protos } from '@google-cloud/bigquery-storage';

import { BYTES, int64At, varintAt, afterVarint, visitFields } from './protobuf-fields';

const { ProtoSchema } = protos.google.cloud.bigquery.storage.v1;
const { Type, Label } = protos.google.protobuf.FieldDescriptorProto;

export type Value = string | number | bigint | boolean | Buffer;
export type Row = Readonly<Record<string, Value | readonly Value[]>>;

/** The protobuf types of a writer schema that the decoder supports. */
export type ScalarType = 'int' | 'bool' | 'string' | 'bytes' | 'double';

export interface WriterField {
  readonly name: string;
  readonly type: ScalarType;
  readonly repeated: boolean;
}

const SCALAR_TYPES = new Map<number, ScalarType>([
  [Type.TYPE_INT32, 'int'],
  [Type.TYPE_INT64, 'int'],
  [Type.TYPE_BOOL, 'bool'],
  [Type.TYPE_STRING, 'string'],
  [Type.TYPE_BYTES, 'bytes'],
  [Type.TYPE_DOUBLE, 'double'],
]);

/** Decodes rows by the descriptor of their writer. Fields that are not in the descriptor are ignored. */
export class RowDecoder {
  /** By field number. */
  private readonly fields = new Map<number, WriterField>();

  /**
   * @param schema a ProtoSchema with one flat message
   * @throws RangeError for another schema, or for a type that is not supported
   */
  constructor(schema: Buffer) {
    const descriptor = ProtoSchema.decode(schema).protoDescriptor;
    if (!descriptor?.name) throw new RangeError('the writer schema has no message');
    for (const { name, number, type, label } of descriptor.field ?? []) {
      const scalar = SCALAR_TYPES.get(Number(type));
      if (!name || !number || scalar === undefined) {
        throw new RangeError(`field ${name ?? '?'} of the writer schema has type ${String(type)}`);
      }
      this.fields.set(number, { name, type: scalar, repeated: label === Label.LABEL_REPEATED });
    }
  }

  get writerFields(): readonly WriterField[] {
    return [...this.fields.values()];
  }

  /** @throws RangeError when the row is not a message of this schema */
  decode(bytes: Buffer): Row {
    const row: Record<string, Value | Value[]> = {};
    visitFields(bytes, 0, bytes.length, (number, wireType, start, end) => {
      const field = this.fields.get(number);
      if (field === undefined) return;
      const { name, type, repeated } = field;
      if (!repeated) {
        row[name] = valueAt(bytes, type, start, end);
        return;
      }
      const values = (row[name] ??= []) as Value[];
      const isPacked = wireType === BYTES && (type === 'int' || type === 'bool');
      if (!isPacked) values.push(valueAt(bytes, type, start, end));
      else for (let at = start; at < end; at = afterVarint(bytes, at)) values.push(valueAt(bytes, type, at, end));
    });
    return row;
  }
}

function valueAt(bytes: Buffer, type: ScalarType, start: number, end: number): Value {
  switch (type) {
    case 'int': {
      const value = int64At(bytes, start);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
    case 'bool':
      return varintAt(bytes, start) !== 0;
    case 'double':
      return bytes.readDoubleLE(start);
    case 'bytes':
      return bytes.subarray(start, end);
    case 'string': {
      const text = bytes.subarray(start, end);
      if (!isUtf8(text)) throw new RangeError('a string is not UTF-8');
      return text.toString();
    }
  }
}

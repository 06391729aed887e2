import { varintLength, writeVarint } from '@orderstream/varint';
import { protos } from '@google-cloud/bigquery-storage';

import type { ProtoSchema } from './append-call';
import type { TableColumn } from './src/table';

const { Type, Label } = protos.google.protobuf.FieldDescriptorProto;

export const COLUMNS: readonly TableColumn[] = [
  { name: 'id', type: 'INT64', mode: 'REQUIRED' },
  { name: 'name', type: 'STRING', mode: 'REQUIRED' },
  { name: 'price', type: 'NUMERIC', mode: 'NULLABLE' },
];

/** A ProtoSchema with a field for each column, numbered from 1. */
export const schemaOf = (columns: readonly TableColumn[]): ProtoSchema => ({
  protoDescriptor: {
    name: 'Row',
    field: columns.map(({ name, type }, index) => ({
      name,
      number: index + 1,
      type: type === 'INT64' ? Type.TYPE_INT64 : Type.TYPE_STRING,
      label: Label.LABEL_OPTIONAL,
    })),
  },
});

export const SCHEMA = schemaOf(COLUMNS);

/** A serialized row of `COLUMNS`, encoded here, not by the code under test. A null field is omitted. */
export function row(id: number, fields: { readonly name?: string | null; readonly price?: string } = {}): Buffer {
  const { name = `row ${id}`, price = '9.99' } = fields;
  return Buffer.concat([
    Buffer.of(0x08),
    varint(id),
    name === null ? Buffer.alloc(0) : text(0x12, name),
    text(0x1a, price),
  ]);
}

function text(tag: number, value: string): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([Buffer.of(tag), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(varintLength(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

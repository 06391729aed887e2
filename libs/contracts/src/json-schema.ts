import type { EventColumn, FieldSchema } from './columns';
import type { EventContract } from './event';
import { exampleOf } from './events-doc';

/** What a contract demands and its JSON Schema accepts, by what it concerns. The validator rejects it. */
export const SCHEMA_LIMITS = {
  codeUnits:
    'maxLength and {1,64} count characters, where the contract counts UTF-16 code units: a character beyond U+FFFF, such ' +
    'as an emoji, counts twice.',
  spelling: 'An integer is written in digits: 2.0 and 2e0 are integers in JSON Schema.',
  encoding:
    'The value is UTF-8 without lone surrogates, and no name stands twice in the object. Parsers of JSON hide that, or ' +
    'fail before the schema is applied.',
  otherFields:
    'event_id, event_type, occurred_at and the key field equal the headers and the key of the record, and the quality ' +
    'rules compare times with each other, with the append time, and records with earlier ones.',
} as const;

type PropertySchema = Omit<FieldSchema, 'type' | 'enum'> & {
  readonly description: string;
  readonly type: FieldSchema['type'] | readonly [FieldSchema['type'], 'null'];
  readonly enum?: readonly (string | null)[];
  readonly 'x-personal'?: true;
  readonly examples: readonly unknown[];
};

/** The JSON Schema of an event's body. */
export interface EventSchema {
  readonly $schema: string;
  readonly $id: string;
  readonly title: string;
  readonly description: string;
  readonly type: 'object';
  readonly properties: Readonly<Record<string, PropertySchema>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
  readonly examples: readonly unknown[];
}

/** A file name of an event type's version, without its extension. */
export const versionedName = ({ type, version }: EventContract): string => `${type}.v${version}`;

function propertyOf({ description, constraint, mode, personal, example, schema }: EventColumn): PropertySchema {
  const { type, enum: values, ...keywords } = schema;
  const nullable = mode === 'NULLABLE';
  return {
    description: `${description} Must be ${constraint}${nullable ? ', or null, or absent' : ''}.`,
    type: nullable ? [type, 'null'] : type,
    ...keywords,
    ...(values !== undefined && { enum: nullable ? [...values, null] : values }),
    ...(personal && { 'x-personal': true }),
    examples: [example],
  };
}

/** The JSON Schema (2020-12) of an event's body. `x-personal` marks personal data. */
export function jsonSchema(contract: EventContract): EventSchema {
  const { type, version, family, keyField, description, columns } = contract;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:orderstream:event:${type}:v${version}`,
    title: type,
    description:
      `${description} The value of a record of family ${family}, whose key is ${keyField}. ` +
      `JSON Schema cannot express: ${Object.values(SCHEMA_LIMITS).join(' ')}`,
    type: 'object',
    properties: Object.fromEntries(columns.map((column) => [column.name, propertyOf(column)])),
    required: columns.filter(({ mode }) => mode === 'REQUIRED').map(({ name }) => name),
    additionalProperties: false,
    examples: [exampleOf(contract)],
  };
}

const NOT_ASCII = /[^\x20-\x7e\n]/g;

/** JSON in ASCII: a pattern's white space beyond it is visible only as an escape. */
export const renderJson = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replaceAll(NOT_ASCII, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;

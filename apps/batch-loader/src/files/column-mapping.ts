import { RAW_ORDER_COLUMNS, type RawOrderColumn } from '@orderstream/contracts';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { BatchInputError } from '../errors';

const FORMATS = ['csv', 'jsonl', 'parquet'] as const;
export type FileFormat = (typeof FORMATS)[number];

const mappingSchema = z.strictObject({
  format: z.enum(FORMATS).optional(),
  /** Of CSV and JSON lines: a label of the Encoding Standard, such as `windows-1252`. */
  encoding: z
    .string()
    .refine((label) => isEncoding(label), 'expected an encoding such as utf-8, windows-1252 or utf-16le')
    .default('utf-8'),
  delimiter: z.string().length(1).default(','),
  decimal: z.enum(['.', ',']).default('.'),
  /** strptime format of times, in UTC unless it has `%z`. */
  timestamps: z.string().min(1).optional(),
  /** Name in the file by column; null: the file does not have it. */
  columns: z.partialRecord(z.enum(RAW_ORDER_COLUMNS), z.string().min(1).nullable()).default({}),
});

/** How a file of orders is read. */
export interface ColumnMapping {
  readonly format: FileFormat;
  readonly encoding: string;
  readonly delimiter: string;
  readonly decimal: '.' | ',';
  readonly timestamps: string | undefined;
  /** Name in the file by column; null: the value is null in every row. */
  readonly columns: Readonly<Record<RawOrderColumn, string | null>>;
}

const EXTENSIONS: Readonly<Record<string, FileFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  parquet: 'parquet',
};

/**
 * @param uri of the file, whose extension says its format if the mapping does not
 * @param text of the mapping file (YAML); undefined: the columns have their own names
 * @throws BatchInputError with every problem
 */
export function parseMapping(uri: string, text: string | undefined): ColumnMapping {
  const result = mappingSchema.safeParse(text === undefined ? {} : yamlOf(text));
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
    throw new BatchInputError(`The mapping is invalid: ${problems.join('; ')}. docs/batch.md describes it.`);
  }
  const { format, columns, timestamps, ...rest } = result.data;
  const extension = /\.(?<extension>[a-z]+)$/i.exec(uri)?.groups?.extension?.toLowerCase() ?? '';
  const found = format ?? EXTENSIONS[extension];
  if (found === undefined) {
    throw new BatchInputError(
      `${uri} has no known extension: say its format (${FORMATS.join(', ')}) in the mapping. Unpack a compressed file first.`,
    );
  }
  const names = RAW_ORDER_COLUMNS.map((name) => [name, columns[name] === undefined ? name : columns[name]] as const);
  return {
    ...rest,
    ...(extension === 'tsv' && !(text ?? '').includes('delimiter') && { delimiter: '\t' }),
    format: found,
    timestamps,
    columns: Object.fromEntries(names) as Record<RawOrderColumn, string | null>,
  };
}

function yamlOf(text: string): unknown {
  try {
    return parse(text) ?? {};
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new BatchInputError(`The mapping is no YAML: ${error.message}`, { cause: error });
  }
}

function isEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

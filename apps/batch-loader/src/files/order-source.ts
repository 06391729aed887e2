import { type DuckDBAppender } from '@duckdb/node-api';
import { RAW_ORDER_COLUMNS, type RawOrderColumn } from '@orderstream/contracts';
import { type Database, sqlText } from '../duckdb/database';
import { BatchInputError } from '../errors';
import { ORDER_TEXTS_DDL } from '../orders/order-rows';
import { type ColumnMapping } from './column-mapping';
import { decodedText } from './decoded-text';
import { csvRecords, textLines, type TextRecord } from './text-records';

const TIMES: readonly RawOrderColumn[] = ['order_placed_at', 'customer_registered_at'];
const INTEGERS: readonly RawOrderColumn[] = ['order_rating', 'item_quantity'];
const RFC_3339 = String.raw`'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z'`;
/** What a JSON array is made into lines with. */
const JQ = "jq -c '.[]' FILE > FILE.jsonl";
const DELIMITERS = [',', ';', '\t', '|'] as const;

/**
 * Creates the table `rows` of a file: `row_number`, the columns as texts in the form of the events where they can be
 * read, and `problem` of what is no row at all. What cannot be read stays as it is: a rule rejects it. The number of a row
 * is the line at which it begins, from 1; in Parquet its place, from 0.
 *
 * @throws BatchInputError if the file as a whole cannot be read: no rows, missing columns, another encoding, no Parquet
 */
export async function createRows(
  database: Database,
  path: string,
  mapping: ColumnMapping,
  uri: string,
  signal: AbortSignal,
): Promise<void> {
  switch (mapping.format) {
    case 'parquet':
      await createFromParquet(database, path, mapping, uri);
      break;
    case 'csv':
      await createFromCsv(
        database,
        csvRecords(decodedText(path, mapping.encoding, uri), mapping.delimiter),
        mapping,
        uri,
        signal,
      );
      break;
    case 'jsonl':
      await createFromLines(database, textLines(decodedText(path, mapping.encoding, uri)), mapping, uri, signal);
  }
  const columns = RAW_ORDER_COLUMNS.map((name) => `${expressionOf(name, mapping)} as ${name}`);
  await database.run(`create table rows as select row_number, ${columns.join(', ')}, problem from source`);
}

/** The columns of the orders under their own names, as texts. */
const SOURCE_DDL = `create table source (${ORDER_TEXTS_DDL})`;

async function createFromParquet(database: Database, path: string, mapping: ColumnMapping, uri: string): Promise<void> {
  const file = `read_parquet(${sqlText(path)})`;
  let present: readonly string[];
  try {
    const columns = await database.rows(`select column_name from (describe select * from ${file})`);
    present = columns.map(({ column_name: name }) => String(name));
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new BatchInputError(`${uri} cannot be read as parquet: ${why ?? ''}. Nothing was loaded.`, { cause: error });
  }
  assertColumns(present, mapping, uri);
  const columns = RAW_ORDER_COLUMNS.map((name) => {
    const column = mapping.columns[name];
    return `${column === null ? 'null' : `cast("${column.replaceAll('"', '""')}" as varchar)`} as ${name}`;
  });
  await database.run(SOURCE_DDL);
  await database.run(`insert into source by name
    select row_number() over () - 1 as row_number, ${columns.join(', ')} from ${file}`);
}

async function createFromCsv(
  database: Database,
  groups: AsyncIterable<readonly TextRecord[]>,
  mapping: ColumnMapping,
  uri: string,
  signal: AbortSignal,
): Promise<void> {
  await database.run(SOURCE_DDL);
  let header: readonly string[] | undefined;
  let places: readonly (number | null)[] = [];
  await appendRecords(database, 'source', groups, signal, (appender, { line, fields, problem }) => {
    if (header === undefined) {
      if (problem !== undefined)
        throw new BatchInputError(
          `${uri} has no names of columns: line ${line}: ${problem}. Its delimiter is ${JSON.stringify(mapping.delimiter)} ` +
            'unless a mapping says another one (delimiter: ";"). Nothing was loaded.',
        );
      header = fields.map((name) => name.trim());
      assertColumns(header, mapping, uri);
      places = placesOf(header, mapping);
      return;
    }
    const { length } = header;
    const isWhole = fields.length === length;
    const texts = places.map((place) => (place === null || !isWhole ? null : (fields[place] ?? null)));
    const found = problem ?? (isWhole ? undefined : `${fields.length} fields in place of ${length}`);
    appendRow(appender, line, texts, found === undefined ? undefined : `line ${line}: ${found}`);
  });
}

/** Calls `append` for each record, with an appender to the table. */
async function appendRecords(
  database: Database,
  table: string,
  groups: AsyncIterable<readonly TextRecord[]>,
  signal: AbortSignal,
  append: (appender: DuckDBAppender, record: TextRecord) => void,
): Promise<void> {
  const appender = await database.appender(table);
  for await (const records of groups) {
    signal.throwIfAborted();
    for (const record of records) append(appender, record);
  }
  appender.closeSync();
}

/** Where the columns of an order are in a row; null: nowhere. */
const placesOf = (header: readonly string[], { columns }: ColumnMapping): readonly (number | null)[] =>
  RAW_ORDER_COLUMNS.map((name) => {
    const column = columns[name];
    return column === null ? null : header.indexOf(column);
  });

/** An empty text is no value. */
function appendRow(
  appender: DuckDBAppender,
  number: number,
  texts: readonly (string | null)[],
  problem: string | undefined,
): void {
  appender.appendBigInt(BigInt(number));
  for (const text of [...texts, problem ?? null]) {
    if (text === null || text === '') appender.appendNull();
    else appender.appendVarchar(text);
  }
  appender.endRow();
}

async function createFromLines(
  database: Database,
  groups: AsyncIterable<readonly TextRecord[]>,
  mapping: ColumnMapping,
  uri: string,
  signal: AbortSignal,
): Promise<void> {
  await database.run('create table lines (number bigint, line varchar, problem varchar)');
  let isFirst = true;
  await appendRecords(database, 'lines', groups, signal, (appender, { line, fields, problem }) => {
    if (isFirst && fields[0]?.trimStart().startsWith('[') === true) {
      throw new BatchInputError(`${uri} is a JSON array. JSON lines have an object in each line: ${JQ}`);
    }
    isFirst = false;
    appendRow(appender, line, [fields[0] ?? null], problem);
  });
  await database.run(`update lines set problem = 'line ' || number || case
      when problem is not null then ': ' || problem
      when not json_valid(line) then ' is not JSON'
      when json_type(line) <> 'OBJECT' then ' is not a JSON object'
      else ' has a key twice'
    end
    where problem is not null or not json_valid(line) or json_type(line) <> 'OBJECT'
      or len(json_keys(line)) <> len(list_distinct(json_keys(line)))`);
  const keys = await database.rows(
    'select distinct unnest(json_keys(line)) as name from lines where problem is null order by name',
  );
  if (keys.length === 0) {
    throw new BatchInputError(
      `${uri} has no line that is a JSON object with keys. JSON lines have one in each line: jq -c . FILE > FILE.jsonl`,
    );
  }
  assertColumns(
    keys.map(({ name }) => String(name)),
    mapping,
    uri,
  );
  const columns = RAW_ORDER_COLUMNS.map((name) => {
    const key = mapping.columns[name];
    return `${key === null ? 'null' : `json_extract_string(line, [${sqlText(pointerTo(key))}])[1]`} as ${name}`;
  });
  await database.run(SOURCE_DDL);
  await database.run(`insert into source by name
    select number as row_number, ${columns.join(', ')} from lines where problem is null
    union all by name select number as row_number, problem from lines where problem is not null`);
}

/** JSON pointer (RFC 6901) to a key. */
const pointerTo = (key: string): string => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;

function assertColumns(present: readonly string[], { columns, format, delimiter }: ColumnMapping, uri: string): void {
  const wanted = Object.entries(columns).filter(([, name]) => name !== null);
  const missing = wanted.filter(([, name]) => !present.includes(name ?? ''));
  const twice = wanted.find(([, name]) => present.indexOf(name ?? '') !== present.lastIndexOf(name ?? ''));
  if (twice !== undefined) {
    throw new BatchInputError(`${uri} has the column ${twice[1] ?? ''} twice. Rename one. Nothing was loaded.`);
  }
  if (missing.length === 0) return;
  const [only = ''] = present;
  const other = DELIMITERS.find((each) => each !== delimiter && only.includes(each));
  if (format === 'csv' && present.length === 1 && other !== undefined) {
    throw new BatchInputError(
      `${uri} has one column, ${only}. Say delimiter: ${JSON.stringify(other)} in the mapping. Nothing was loaded.`,
    );
  }
  const names = missing.map(([column, name]) => (column === name ? column : `${column} (as ${name ?? ''})`));
  throw new BatchInputError(
    `${uri} does not have the columns ${names.join(', ')}. It has ${present.join(', ')}. ` +
      'A mapping says what the columns are called (columns: {order_id: "Order No"}), or that there is none (null). Nothing was loaded.',
  );
}

/** A column in the form of the event, or what the file has. */
function expressionOf(column: RawOrderColumn, { decimal, timestamps }: ColumnMapping): string {
  if (TIMES.includes(column)) return timeOf(column, timestamps);
  if (column === 'item_price') {
    const number = decimal === ',' ? withDecimalPoint(`trim(${column})`) : `trim(${column})`;
    return `case when regexp_full_match(${number}, '\\d{1,15}(\\.\\d{1,2}0*)?')
      then cast(cast(${number} as decimal(18, 2)) as varchar) else ${column} end`;
  }
  if (INTEGERS.includes(column)) return `regexp_replace(trim(${column}), '^(-?\\d+)\\.0+$', '\\1')`;
  return column;
}

/** `1.234,50` as `1234.50`. Points that do not group thousands are none of this notation: the text stays. */
const withDecimalPoint = (text: string): string =>
  `case when regexp_full_match(${text}, '(\\d{1,3}(\\.\\d{3})+|\\d+)(,\\d+)?')
    then replace(replace(${text}, '.', ''), ',', '.') else ${text} end`;

/** RFC 3339 UTC with microseconds. A time without a zone is in UTC. */
function timeOf(text: string, format: string | undefined): string {
  const parsed =
    format === undefined
      ? `try_cast(${text} as timestamptz)`
      : `cast(try_strptime(${text}, ${sqlText(format)}) as timestamptz)`;
  return `case when regexp_full_match(${text}, ${RFC_3339}) then ${text}
    else coalesce(strftime(${parsed}, '%Y-%m-%dT%H:%M:%S.%fZ'), ${text}) end`;
}

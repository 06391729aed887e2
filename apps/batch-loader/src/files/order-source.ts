import { RAW_ORDER_COLUMNS, type RawOrderColumn } from '@orderstream/contracts';
import { type Database, sqlText } from '../duckdb/database';
import { BatchInputError } from '../errors';
import { type ColumnMapping } from './column-mapping';

const TIMES: readonly RawOrderColumn[] = ['order_placed_at', 'customer_registered_at'];
const INTEGERS: readonly RawOrderColumn[] = ['order_rating', 'item_quantity'];
const RFC_3339 = String.raw`'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z'`;
/** Longest line of a text file. */
const MAX_LINE_BYTES = 1_048_576;

/**
 * Creates the table `rows` of a file: `row_number`, the columns as texts in the form of the events where they can be
 * read, and `problem` of what is no row at all. What cannot be read stays as it is: a rule rejects it.
 *
 * @throws BatchInputError if the file as a whole cannot be read: no rows, missing columns, no Parquet
 */
export async function createRows(database: Database, path: string, mapping: ColumnMapping, uri: string): Promise<void> {
  try {
    await createSource(database, path, mapping);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BatchInputError(`${uri} cannot be read as ${mapping.format}: ${why} Nothing was loaded.`, {
      cause: error,
    });
  }
  const present = mapping.format === 'jsonl' ? await keysOfJson(database) : await columnsOf(database, 'source');
  assertColumns(present, mapping, uri);
  const columns = RAW_ORDER_COLUMNS.map((name) => `${expressionOf(name, mapping)} as ${name}`);
  await database.run(`create table rows as
    select row_number() over () - 1 as row_number, ${columns.join(', ')}, problem from source`);
  if (mapping.format === 'csv') await addUnreadableLines(database);
}

async function createSource(database: Database, path: string, { format, delimiter }: ColumnMapping): Promise<void> {
  const file = sqlText(path);
  switch (format) {
    case 'parquet':
      await database.run(`create view source as select *, cast(null as varchar) as problem from read_parquet(${file})`);
      return;
    case 'csv':
      await database.run(`create table source as select *, cast(null as varchar) as problem from read_csv(${file},
        delim = ${sqlText(delimiter)}, quote = '"', escape = '"', header = true, all_varchar = true, nullstr = '',
        auto_detect = true, sample_size = -1, store_rejects = true, max_line_size = ${MAX_LINE_BYTES})`);
      return;
    case 'jsonl':
      // Not read_json: one broken line must not hide the others.
      await database.run(`create table source as select line, case
          when not json_valid(line) then 'line ' || (row_number() over ()) || ' is not JSON'
          when json_type(line) <> 'OBJECT' then 'line ' || (row_number() over ()) || ' is not a JSON object'
        end as problem
        from read_csv(${file}, columns = {'line': 'varchar'}, delim = chr(1), quote = '', escape = '', header = false,
          auto_detect = false, max_line_size = ${MAX_LINE_BYTES}) where trim(line) <> ''`);
  }
}

async function columnsOf(database: Database, table: string): Promise<readonly string[]> {
  const rows = await database.rows(`select column_name from (describe ${table})`);
  return rows.map(({ column_name: name }) => String(name)).filter((name) => name !== 'problem');
}

async function keysOfJson(database: Database): Promise<readonly string[]> {
  const rows = await database.rows(
    'select distinct unnest(json_keys(line)) as name from source where problem is null order by name',
  );
  return rows.map(({ name }) => String(name));
}

function assertColumns(present: readonly string[], { columns, format }: ColumnMapping, uri: string): void {
  const wanted = Object.entries(columns).filter(([, name]) => name !== null);
  const missing = wanted.filter(([, name]) => !present.includes(name ?? ''));
  if (missing.length === 0) return;
  const names = missing.map(([column, name]) => (column === name ? column : `${column} (as ${name ?? ''})`));
  const has = present.length === 0 ? `no ${format === 'jsonl' ? 'JSON objects' : 'columns'}` : present.join(', ');
  throw new BatchInputError(
    `${uri} does not have the columns ${names.join(', ')}. It has ${has}. ` +
      'A mapping says what the columns are called (columns: {order_id: "Order No"}), or that there is none (null). Nothing was loaded.',
  );
}

/** A column in the form of the event, or what the file has. */
function expressionOf(column: RawOrderColumn, { columns, decimal, format, timestamps }: ColumnMapping): string {
  const name = columns[column];
  if (name === null) return 'cast(null as varchar)';
  const quoted = `"${name.replaceAll('"', '""')}"`;
  const text =
    format === 'jsonl'
      ? `case when problem is null then json_extract_string(line, ${sqlText(`$."${name}"`)}) end`
      : `cast(${quoted} as varchar)`;
  if (TIMES.includes(column)) return timeOf(text, timestamps);
  if (column === 'item_price') {
    const number = decimal === ',' ? `replace(replace(${text}, '.', ''), ',', '.')` : text;
    return `case when regexp_full_match(trim(${number}), '\\d{1,15}(\\.\\d{1,2}0*)?')
      then cast(cast(trim(${number}) as decimal(18, 2)) as varchar) else ${text} end`;
  }
  if (INTEGERS.includes(column)) return `regexp_replace(trim(${text}), '^(-?\\d+)\\.0+$', '\\1')`;
  return text;
}

/** RFC 3339 UTC with microseconds. A time without a zone is in UTC. */
function timeOf(text: string, format: string | undefined): string {
  const parsed =
    format === undefined
      ? `try_cast(${text} as timestamptz)`
      : `cast(try_strptime(${text}, ${sqlText(format)}) as timestamptz)`;
  return `case when regexp_full_match(${text}, ${RFC_3339}) then ${text}
    else coalesce(strftime(${parsed}, '%Y-%m-%dT%H:%M:%S.%fZ'), ${text}) end`;
}

/** Lines that are no CSV, with the numbers after the last row. */
async function addUnreadableLines(database: Database): Promise<void> {
  await database.run(`insert into rows by name
    select (select count(*) from rows) + row_number() over () - 1 as row_number,
      'line ' || line || ': ' || any_value(error_message) as problem
    from reject_errors group by line`);
}

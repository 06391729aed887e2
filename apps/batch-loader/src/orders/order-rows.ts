import { type DuckDBAppender } from '@duckdb/node-api';
import { RAW_ORDER_COLUMNS, type RawOrderColumn } from '@orderstream/contracts';

/** The values of an order as texts, as its event has them; null: there is none. */
export type OrderTexts = Readonly<Record<RawOrderColumn, string | null>>;

/**
 * Between the first two blocks an order is its number in the run, from 0, and 13 texts: what a file has in the place of a
 * number or time must reach the rules as it is. `problem` says why a row of a file is none.
 */
export const ORDER_TEXTS_DDL = `row_number bigint, ${RAW_ORDER_COLUMNS.map((name) => `${name} varchar`).join(', ')}, problem varchar`;

export function appendOrder(appender: DuckDBAppender, rowNumber: number, order: OrderTexts): void {
  appender.appendBigInt(BigInt(rowNumber));
  for (const name of RAW_ORDER_COLUMNS) {
    const text = order[name];
    if (text === null) appender.appendNull();
    else appender.appendVarchar(text);
  }
  appender.appendNull();
  appender.endRow();
}

/** The types of the table, in DuckDB's words. TIMESTAMPTZ becomes a Parquet timestamp in UTC, which BigQuery loads as TIMESTAMP. */
const TYPES: Readonly<Partial<Record<RawOrderColumn, string>>> = {
  order_placed_at: 'timestamptz',
  order_rating: 'bigint',
  customer_registered_at: 'timestamptz',
  item_price: 'decimal(18, 2)',
  item_quantity: 'bigint',
};

/** A column of texts as it is in the table. */
export const typedColumn = (name: RawOrderColumn, expression: string): string =>
  `${TYPES[name] === undefined ? expression : `cast(${expression} as ${TYPES[name]})`} as ${name}`;

const SEPARATOR = String.raw`'\n'`;

/** A value as a text that is the same in DuckDB and in BigQuery. */
function canonicalText(name: RawOrderColumn, dialect: 'bigquery' | 'duckdb'): string {
  const [integer, text] = dialect === 'bigquery' ? ['int64', 'string'] : ['bigint', 'varchar'];
  switch (name) {
    case 'order_placed_at':
    case 'customer_registered_at':
      return `cast(${dialect === 'bigquery' ? 'unix_micros' : 'epoch_us'}(${name}) as ${text})`;
    case 'item_price':
      return `cast(cast(${name} * 100 as ${integer}) as ${text})`;
    case 'order_rating':
      return `coalesce(cast(${name} as ${text}), '')`;
    case 'item_quantity':
      return `cast(${name} as ${text})`;
    default:
      return name;
  }
}

/** What a set of orders is, for comparison with what arrived. */
export interface OrdersSummary {
  readonly rows: number;
  readonly distinctIds: number;
  /** Null if there are no rows. Microseconds since 1970. */
  readonly firstMicros: string | null;
  readonly lastMicros: string | null;
  /** Sums of two halves of a hash over all values of each row: independent of the order of the rows. */
  readonly checksum: string;
}

/** The columns of a query that summarizes orders. Every value is a text, so that no client rounds it. */
export function summaryColumns(dialect: 'bigquery' | 'duckdb'): string {
  const [integer, text] = dialect === 'bigquery' ? ['int64', 'string'] : ['bigint', 'varchar'];
  const separator = dialect === 'bigquery' ? SEPARATOR : 'chr(10)';
  const values = RAW_ORDER_COLUMNS.map((name) => canonicalText(name, dialect)).join(`, ${separator}, `);
  const hash = dialect === 'bigquery' ? `to_hex(md5(concat(${values})))` : `md5(concat(${values}))`;
  const half = (from: number): string =>
    `coalesce(sum(cast(concat('0x', substr(${hash}, ${from}, 8)) as ${integer})), 0)`;
  const micros = dialect === 'bigquery' ? 'unix_micros' : 'epoch_us';
  return [
    `cast(count(*) as ${text}) as row_count`,
    `cast(count(distinct order_id) as ${text}) as distinct_ids`,
    `cast(${micros}(min(order_placed_at)) as ${text}) as first_micros`,
    `cast(${micros}(max(order_placed_at)) as ${text}) as last_micros`,
    `concat(cast(${half(1)} as ${text}), '.', cast(${half(9)} as ${text})) as checksum`,
  ].join(',\n  ');
}

export function readSummary(row: Readonly<Record<string, unknown>> | undefined): OrdersSummary {
  const text = (name: string): string | null => {
    const value = row?.[name];
    if (typeof value === 'string') return value;
    if (value === null || value === undefined) return null;
    throw new TypeError(`${name} of a summary is not a text`);
  };
  return {
    rows: Number(text('row_count') ?? 0),
    distinctIds: Number(text('distinct_ids') ?? 0),
    firstMicros: text('first_micros'),
    lastMicros: text('last_micros'),
    checksum: text('checksum') ?? '',
  };
}

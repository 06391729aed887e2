import { type BigQueryType, TABLES } from '@orderstream/contracts';

/** Logical bytes of a value (BigQuery documentation, "Data type sizes"). A STRING or BYTES has 2 bytes beside its own. */
const TYPE_BYTES: Readonly<Record<Exclude<BigQueryType, 'STRING' | 'BYTES'> | 'DATE', number>> = {
  INT64: 8,
  NUMERIC: 16,
  TIMESTAMP: 8,
  BOOL: 1,
  DATE: 8,
};
const TEXT_OVERHEAD = 2;
/** Average length of text, by column. Ids are sha256 in hex or UUIDs. */
const TEXT_BYTES: Readonly<Record<string, number>> = {
  order_id: 64,
  vendor_id: 64,
  customer_id: 64,
  item_sku: 36,
  event_id: 36,
  session_id: 36,
  event_type: 15,
  vendor_name: 20,
  vendor_address: 45,
  vendor_vertical: 10,
  item_name: 15,
  customer_country: 2,
  quality_flags: 1,
  detail: 120,
  body: 800,
  source: 6,
  app: 9,
  reason: 23,
  source_topic: 30,
  batch_run_id: 0,
  path: 6,
  order_status: 9,
  known_from: 7,
};
const OTHER_TEXT_BYTES = 20;

/** Columns of the models that other models read. Those of the sources are in the contracts. */
const MODEL_COLUMNS: Readonly<Record<string, Readonly<Record<string, BigQueryType | 'DATE'>>>> = {
  fact_orders: {
    order_id: 'STRING',
    order_date: 'DATE',
    vendor_id: 'STRING',
    item_price: 'NUMERIC',
    item_quantity: 'INT64',
    is_in_batch: 'BOOL',
  },
  orders_daily_agg: { order_date: 'DATE', total_orders: 'INT64' },
  dim_vendors: {
    vendor_id: 'STRING',
    vendor_name: 'STRING',
    vendor_address: 'STRING',
    vendor_vertical: 'STRING',
    known_from: 'STRING',
    updated_at: 'TIMESTAMP',
  },
  dim_products: {
    item_sku: 'STRING',
    vendor_id: 'STRING',
    item_name: 'STRING',
    item_price: 'NUMERIC',
    is_listed: 'BOOL',
    known_from: 'STRING',
    updated_at: 'TIMESTAMP',
  },
  dim_customers: {
    customer_id: 'STRING',
    customer_registered_at: 'TIMESTAMP',
    customer_country: 'STRING',
    marketing_consent: 'BOOL',
    known_from: 'STRING',
    updated_at: 'TIMESTAMP',
  },
};

/** Bytes of the given columns of one row. @throws TypeError for a column that the table does not have */
export function rowBytes(table: string, columns: readonly string[]): number {
  return columns.reduce((sum, name) => {
    const type = MODEL_COLUMNS[table]?.[name] ?? TABLES[table]?.columns.find((column) => column.name === name)?.type;
    if (type === undefined) throw new TypeError(`${table} has no column ${name}`);
    const isText = type === 'STRING' || type === 'BYTES';
    return sum + (isText ? TEXT_OVERHEAD + (TEXT_BYTES[name] ?? OTHER_TEXT_BYTES) : TYPE_BYTES[type]);
  }, 0);
}

/** Orders are spread over these days, as in the batch of the original. */
export const DAYS = 1_095;
/** Partitions of the look-back, with today. */
const LOOKBACK = 8;
/** Days whose orders have events in the look-back: an order is closed after two weeks. */
const REBUILT = 22;
const COMPARED = 31;

/** Rows per order. An order is in both paths: the batch has all of them, and the stream too. */
export const ROWS_PER_ORDER: Readonly<Record<string, number>> = {
  order_events: 4.3,
  interaction_events: 15,
  catalog_events: 0.05,
  customer_events: 0.05,
  dead_letters: 0.1,
  raw_orders: 1,
  fact_orders: 1,
  orders_daily_agg: 0.5,
  dim_vendors: 0.001,
  dim_products: 0.02,
  dim_customers: 0.1,
};

interface Read {
  readonly table: string;
  readonly columns: readonly string[];
  /** Daily partitions. Without them, the whole table. */
  readonly days?: number;
}
const EVERY_ORDER_COLUMN = TABLES.raw_orders?.columns.map(({ name }) => name) ?? [];
const POSITION = ['event_type', 'occurred_at', '_kafka_partition', '_kafka_offset'];

/** The placements of the days that a run rebuilds. */
const placements = (columns: readonly string[]): Read[] => [
  { table: 'order_events', columns: [...new Set([...POSITION, 'order_placed_at', ...columns])], days: REBUILT },
  { table: 'raw_orders', columns: [...new Set(['order_placed_at', ...columns])], days: REBUILT },
];
const whole = (table: string): Read => ({ table, columns: Object.keys(MODEL_COLUMNS[table] ?? {}) });
const dimension = (model: string, family: string, familyColumns: string[], columns: string[]): [string, Read[]] => [
  model,
  [
    { table: family, columns: ['event_type', 'occurred_at', '_kafka_offset', ...familyColumns], days: LOOKBACK },
    ...placements(columns),
    whole(model),
  ],
];
const VENDOR = ['vendor_id', 'vendor_name', 'vendor_address', 'vendor_vertical'];
const PRODUCT = ['item_sku', 'vendor_id', 'item_name', 'item_price'];

/** What an incremental run of each model reads. Views read nothing until somebody queries them. */
const READS: readonly (readonly [model: string, reads: readonly Read[]])[] = [
  [
    'int_days_to_build',
    [
      { table: 'order_events', columns: ['order_placed_at', 'occurred_at'], days: LOOKBACK },
      { table: 'raw_orders', columns: ['order_placed_at'] },
      { table: 'fact_orders', columns: ['order_date', 'is_in_batch'] },
      { table: 'orders_daily_agg', columns: ['order_date', 'total_orders'] },
    ],
  ],
  dimension('dim_vendors', 'catalog_events', VENDOR, VENDOR),
  dimension('dim_products', 'catalog_events', PRODUCT, PRODUCT),
  dimension(
    'dim_customers',
    'customer_events',
    ['customer_id', 'customer_registered_at', 'customer_country', 'marketing_consent'],
    ['customer_id', 'customer_registered_at'],
  ),
  [
    'fact_orders',
    [
      ...placements([
        'order_id',
        'order_rating',
        'vendor_id',
        'customer_id',
        'item_sku',
        'item_price',
        'item_quantity',
      ]),
      { table: 'order_events', columns: [...POSITION, 'order_id', 'order_placed_at', 'order_rating'], days: REBUILT },
    ],
  ],
  [
    'orders_daily_agg',
    [
      {
        table: 'fact_orders',
        columns: ['order_id', 'order_date', 'vendor_id', 'item_price', 'item_quantity'],
        days: REBUILT,
      },
      { table: 'dim_vendors', columns: ['vendor_id', 'vendor_name', 'vendor_vertical'] },
    ],
  ],
  [
    'mart_interactions_funnel',
    [{ table: 'interaction_events', columns: ['session_id', 'event_type', 'occurred_at'], days: LOOKBACK + 1 }],
  ],
  [
    'mart_data_quality',
    [
      {
        table: 'dead_letters',
        columns: [
          ...['source', 'app', 'reason', 'detail', 'source_topic', 'source_partition', 'source_offset'],
          ...['batch_run_id', 'batch_row', 'attempt', 'failed_at', 'body'],
        ],
        days: LOOKBACK,
      },
      ...['order_events', 'interaction_events', 'catalog_events'].map((table) => ({
        table,
        columns: ['occurred_at', 'vendor_id', 'quality_flags'],
        days: LOOKBACK,
      })),
      { table: 'customer_events', columns: ['occurred_at', 'quality_flags'], days: LOOKBACK },
    ],
  ],
  [
    'orders_batch_vs_stream',
    [
      { table: 'order_events', columns: [...POSITION, ...EVERY_ORDER_COLUMN], days: COMPARED },
      { table: 'raw_orders', columns: EVERY_ORDER_COLUMN, days: COMPARED },
    ],
  ],
  ['vendors_history', [whole('dim_vendors'), whole('dim_vendors')]],
  ['products_history', [whole('dim_products'), whole('dim_products')]],
];

/** Bytes that a daily run of each model reads, in a warehouse with so many orders. */
export function dailyBytes(orders: number): readonly (readonly [model: string, bytes: number])[] {
  return READS.map(([model, reads]) => [model, reads.reduce((sum, read) => sum + bytesOf(read, orders), 0)]);
}

/** The tables that a daily run of each model reads. */
export const tablesRead = (): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(READS.map(([model, reads]) => [model, new Set(reads.map(({ table }) => table))]));

function bytesOf({ table, columns, days }: Read, orders: number): number {
  const rows = orders * (ROWS_PER_ORDER[table] ?? 0) * (days === undefined ? 1 : days / DAYS);
  return rows * rowBytes(table, columns);
}

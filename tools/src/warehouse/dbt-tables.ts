import {
  type Column,
  contractsOfFamily,
  FAMILIES,
  FAMILY_TABLES,
  TABLES,
  type TableSpec,
} from '@orderstream/contracts';

/** How old the newest row of a table may be. The period is a minute, an hour or a day. */
export interface Freshness {
  /** Column with the time at which a row was written. */
  readonly loadedAt: string;
  readonly warnAfter: readonly [count: number, period: 'minute' | 'hour' | 'day'];
  readonly errorAfter: readonly [count: number, period: 'minute' | 'hour' | 'day'];
}

/** What dbt needs to know of a table beside its contract. */
interface DbtTable {
  readonly spec: TableSpec;
  /** Columns that together identify a row. None where the table may have a row twice. */
  readonly key: readonly string[];
  /** Rows that the key holds for, as SQL. */
  readonly keyHoldsWhere?: string;
  readonly freshness?: Freshness;
  /** Allowed values by column, of the contracts. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Columns of the staging view that are computed from others. */
  readonly computed: readonly { readonly column: Column; readonly sql: string }[];
}

const COORDINATES = ['_kafka_topic', '_kafka_partition', '_kafka_offset'];
const MINUTES: Freshness = { loadedAt: '_kafka_timestamp', warnAfter: [15, 'minute'], errorAfter: [1, 'hour'] };
const DAYS: Freshness = { loadedAt: '_kafka_timestamp', warnAfter: [1, 'day'], errorAfter: [3, 'day'] };

const FRESHNESS: Readonly<Record<string, Freshness>> = {
  order_events: MINUTES,
  interaction_events: MINUTES,
  catalog_events: DAYS,
  customer_events: DAYS,
  streaming_orders: { ...MINUTES, loadedAt: 'publish_time' },
  raw_orders: { loadedAt: 'order_placed_at', warnAfter: [2, 'day'], errorAfter: [3, 'day'] },
};

const KEYS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(FAMILIES.map((family) => [FAMILY_TABLES[family], COORDINATES])),
  dead_letters: COORDINATES,
  raw_orders: ['order_id'],
  pipeline_runs: ['run_id', 'event'],
};

const attribute = (name: string, type: Column['type'], description: string) => ({
  column: { name, type, mode: 'NULLABLE', description, personal: false } satisfies Column,
  sql:
    type === 'STRING'
      ? `json_value(attributes, '$.${name}')`
      : `safe_cast(json_value(attributes, '$.${name}') as ${type.toLowerCase()})`,
});

/** The record of a row, by the attributes that the bridge publishes. A stranger's message may have none, or wrong ones. */
const RECORD = [
  attribute('kafka_topic', 'STRING', 'Validated topic of the record. Null if the message names none.'),
  attribute('kafka_partition', 'INT64', 'Partition of the record. Null if the message names none.'),
  attribute('kafka_offset', 'INT64', 'Offset of the record. Null if the message names none.'),
];

/** Values that the contracts of the orders allow, where all contracts with the column have a list. */
function allowedValues({ table, columns }: TableSpec): ReadonlyMap<string, readonly string[]> {
  const family = FAMILIES.find((each) => FAMILY_TABLES[each] === table) ?? 'orders';
  const ofContracts = contractsOfFamily(family).flatMap((contract) => contract.columns);
  const values = new Map<string, readonly string[]>();
  if (table === 'dead_letters') return values.set('source', ['stream', 'batch']);
  for (const { name } of columns) {
    const lists = ofContracts.filter((column) => column.name === name).map(({ schema }) => schema.enum);
    if (lists.length === 0 || lists.includes(undefined)) continue;
    values.set(name, [...new Set(lists.flatMap((list) => list ?? []))]);
  }
  return values;
}

/** The source tables of the warehouse, in the order of the contracts. */
export const dbtTables = (): DbtTable[] =>
  Object.values(TABLES).map((spec) => {
    const freshness = FRESHNESS[spec.table];
    return {
      spec,
      key: KEYS[spec.table] ?? [],
      ...(spec.table === 'dead_letters' && { keyHoldsWhere: "source = 'stream'" }),
      ...(freshness !== undefined && { freshness }),
      values: allowedValues(spec),
      computed: spec.table === 'streaming_orders' ? RECORD : [],
    };
  });

export type { DbtTable };

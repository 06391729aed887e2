import { type BigQuery } from '@google-cloud/bigquery';
import { queryFresh } from '@orderstream/bigquery';
import { TABLES } from '@orderstream/contracts';

/** A table with rows of customers, and what an erasure does with them. */
interface CustomerTable {
  readonly name: string;
  /** Condition that every row meets: of a table that may require a filter on its partitions. */
  readonly everyPartition?: string;
  /** Condition of the rows of the customer whose hash is `@hash`. */
  readonly isOfCustomer: string;
  /** Replaces the personal data; undefined: the rows are deleted. */
  readonly redaction?: string;
}

/** Of a table that is larger than a day of one partition. */
const COUNT_DEADLINE_MS = 300_000;
const DML_DEADLINE_MS = 600_000;
const LABELS = { app: 'console', purpose: 'erasure' } as const;
const DEAD_LETTERS = 'dead_letters';
const ERASED = "'(erased)'";

const hashOf = (value: string): string => `SUBSTR(TO_HEX(SHA256(${value})), 1, 16)`;
const isCustomer = `${hashOf('customer_id')} = @hash`;
const mentionsCustomer = (ids: string, id: string): string =>
  `EXISTS (SELECT 1 FROM UNNEST(${ids}) AS id WHERE ${hashOf(id)} = @hash)`;
/** A dead letter may be broken: its text is searched for everything that can be the id of a customer. */
const hasCustomer = (text: string): string => mentionsCustomer(`REGEXP_EXTRACT_ALL(${text}, r'[0-9a-f]{64}')`, 'id');
/** The same in bytes that are no text: in their hex digits, where each digit of an id is two. */
const bytesHaveCustomer = (bytes: string): string =>
  mentionsCustomer(`REGEXP_EXTRACT_ALL(TO_HEX(${bytes}), r'(?:3[0-9]|6[1-6]){64}')`, 'FROM_HEX(id)');
const LETTER_CONDITIONS = [
  ...['record_key', 'body', 'headers'].map(hasCustomer),
  ...['record_key_bytes', 'body_bytes'].map(bytesHaveCustomer),
];

const everyTime = (field: string): string => `(${field} >= TIMESTAMP '0001-01-01 00:00:00+00' OR ${field} IS NULL)`;
const everyDate = (field: string): string => `(${field} >= DATE '0001-01-01' OR ${field} IS NULL)`;

/** Tables of the star schema. They come after the tables that they are built from. */
const STAR_SCHEMA: readonly CustomerTable[] = [
  { name: 'fact_orders', everyPartition: everyDate('order_date'), isOfCustomer: isCustomer },
  { name: 'dim_customers', isOfCustomer: isCustomer },
];

const CUSTOMER_TABLES: readonly CustomerTable[] = [
  ...Object.values(TABLES)
    .filter(({ columns }) => columns.some(({ name }) => name === 'customer_id'))
    .map(({ table: name, partitionField }) => ({
      name,
      everyPartition: everyTime(partitionField),
      isOfCustomer: isCustomer,
    })),
  {
    name: DEAD_LETTERS,
    everyPartition: everyTime('failed_at'),
    isOfCustomer: `(${LETTER_CONDITIONS.join(' OR ')})`,
    redaction: `record_key = ${ERASED}, record_key_bytes = NULL, body = ${ERASED}, body_bytes = NULL, headers = NULL`,
  },
  ...STAR_SCHEMA,
];

/** What erases the rows of a customer. */
export interface Warehouse {
  readonly tables: readonly string[];
  /** The rows of a customer; undefined if there is no such table. */
  count(table: string, customer: string): Promise<number | undefined>;
  /** Deletes the rows of a customer; of dead letters it replaces the personal data. */
  erase(table: string, customer: string): Promise<void>;
}

/**
 * The rows of a customer in BigQuery, found by the hash of the id, so that nothing has to store the id.
 *
 * Failure semantics: each statement is atomic and may be repeated. After an error or a missing answer, the rows are erased
 * or not, and a count shows which.
 */
export class CustomerTables implements Warehouse {
  readonly tables = CUSTOMER_TABLES.map(({ name }) => name);

  constructor(
    private readonly bigquery: BigQuery,
    private readonly dataset: { readonly project: string; readonly dataset: string },
  ) {}

  async count(table: string, customer: string): Promise<number | undefined> {
    const where = this.where(table);
    try {
      const rows = await this.run(
        `SELECT COUNT(*) AS n FROM ${this.path(table)} ${where}`,
        customer,
        COUNT_DEADLINE_MS,
      );
      return Number(rows[0]?.n ?? 0);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async erase(table: string, customer: string): Promise<void> {
    const { redaction } = tableOf(table);
    const statement =
      redaction === undefined ? `DELETE FROM ${this.path(table)}` : `UPDATE ${this.path(table)} SET ${redaction}`;
    await this.run(`${statement} ${this.where(table)}`, customer, DML_DEADLINE_MS);
  }

  private run(query: string, hash: string, deadlineMs: number): ReturnType<typeof queryFresh> {
    return queryFresh(this.bigquery, query, { hash }, { deadlineMs, labels: LABELS });
  }

  private where(table: string): string {
    const { everyPartition, isOfCustomer } = tableOf(table);
    return `WHERE ${everyPartition === undefined ? '' : `${everyPartition} AND `}${isOfCustomer}`;
  }

  private path(table: string): string {
    const { project, dataset } = this.dataset;
    return `\`${project}.${dataset}.${table}\``;
  }
}

function tableOf(name: string): CustomerTable {
  const found = CUSTOMER_TABLES.find((table) => table.name === name);
  if (found === undefined) throw new TypeError(`${name} has no rows of customers`);
  return found;
}

const isNotFound = (error: unknown): boolean =>
  Number((error as { readonly code?: unknown } | undefined)?.code) === 404;

import { type BigQuery } from '@google-cloud/bigquery';
import { ensureDataset, ensureTables, queryFresh, type QueryRow } from '@orderstream/bigquery';
import { type Column, TABLES } from '@orderstream/contracts';

/** A SQL expression for a column of which the test says nothing. */
function filler({ type, mode, name }: Column, row: number): string {
  if (mode === 'REPEATED') return '[]';
  if (mode === 'NULLABLE') return 'NULL';
  if (type === 'TIMESTAMP') return 'CURRENT_TIMESTAMP()';
  return type === 'STRING' ? `'${name}-${String(row)}'` : String(row);
}

/** The tables of the warehouse, and those of the star schema that have customers, in a dataset of their own, with rows that a test chooses. */
export class CustomerRows {
  private row = 0;

  constructor(
    private readonly bigquery: BigQuery,
    private readonly dataset: string,
  ) {}

  async create(): Promise<void> {
    const dataset = await ensureDataset(this.bigquery, this.dataset, 'US');
    await ensureTables(dataset, Object.values(TABLES));
    await this.query(
      `CREATE TABLE ${this.path('fact_orders')} (customer_id STRING, order_date DATE) PARTITION BY order_date`,
    );
    await this.query(`CREATE TABLE ${this.path('dim_customers')} (customer_id STRING)`);
  }

  /** @param values SQL expressions by column */
  async insert(table: string, values: Readonly<Record<string, string>>): Promise<void> {
    const row = ++this.row;
    const columns = TABLES[table]?.columns ?? [];
    const names = columns.length === 0 ? Object.keys(values) : columns.map(({ name }) => name);
    const expressions = names.map((name) => {
      const column = columns.find((each) => each.name === name);
      return values[name] ?? (column === undefined ? 'NULL' : filler(column, row));
    });
    await this.query(`INSERT INTO ${this.path(table)} (${names.join(', ')}) VALUES (${expressions.join(', ')})`);
  }

  /** Every row as JSON, in an order of their own. */
  async rows(table: string): Promise<string[]> {
    const rows = await this.query(`SELECT * FROM ${this.path(table)}`);
    return rows.map((row) => JSON.stringify(row, asText)).sort();
  }

  async drop(): Promise<void> {
    await this.bigquery.dataset(this.dataset).delete({ force: true });
  }

  private query(query: string): Promise<readonly QueryRow[]> {
    return queryFresh(this.bigquery, query);
  }

  private path(table: string): string {
    return `\`${this.dataset}.${table}\``;
  }
}

/** Bytes as text: an id in them is found. */
const asText = (_: string, value: unknown): unknown => {
  const isBytes = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
  return isBytes ? Buffer.from(value as unknown as Buffer).toString('latin1') : value;
};

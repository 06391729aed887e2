import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBigQuery, ensureDataset } from '@orderstream/bigquery';
import { type OrderPlaced, PARTITIONS, partitionFor } from '@orderstream/contracts';
import { compareTimes } from '../src/rules/times';
import { History, parseScenario } from '@orderstream/simulation';
import { Catalog, qualitySettings, RuleEvaluator, type Verdict } from '../src';
import { iso, recordOf, sha, TestPartition, uuid } from './fixtures';

/**
 * The five checks of the original pipeline, in SQL, beside our rules, on the same rows: de-duplication by (customer, vendor,
 * time of the order), order after registration, one name for each product, one registration for each customer, and one
 * name, address and vertical for each vendor; of several the first row's. Every difference has one of the stated reasons.
 * docs/original-checks.md has the numbers.
 */

const ORDERS = 250_000;
const REPOSITORY = join(__dirname, '../../..');
const SCENARIO = 'libs/simulation/scenarios/original.yaml';
const TEST_MS = 600_000;
const DAY_MS = 86_400_000;

const dataset = `original_${randomUUID().slice(0, 8)}`;
const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT;
const bigquery = createBigQuery({ project, dataset, location: 'US', apiEndpoint });

/** The fields that the checks compare or change. */
const FIELDS = ['item_name', 'customer_registered_at', 'vendor_name', 'vendor_address', 'vendor_vertical'] as const;
type Field = (typeof FIELDS)[number];
type Values = Readonly<Record<Field, string>>;

type Order = { readonly [Column in keyof OrderPlaced]: OrderPlaced[Column] };

interface Row {
  readonly number: number;
  readonly body: Order;
  /** What the marketplace knows of the order. */
  readonly truth: Order;
}

/** Makes some orders wrong, 1 % in each way. An order may be followed by another one of the same customer, vendor and time. */
function* withDefects(order: Order, index: number): Generator<Order> {
  const registeredLater = iso(Date.parse(order.order_placed_at) + DAY_MS);
  switch (Number.parseInt(sha(`defect ${index}`).slice(0, 8), 16) % 100) {
    case 0:
      yield order;
      yield secondOrder(order, index);
      break;
    case 1:
      yield { ...order, customer_registered_at: registeredLater };
      break;
    case 2:
      yield { ...order, customer_registered_at: registeredLater };
      yield secondOrder(order, index);
      break;
    case 3:
      yield { ...order, item_name: `${order.item_name} (new)` };
      break;
    case 4:
      yield { ...order, customer_registered_at: iso(Date.parse(order.customer_registered_at) - DAY_MS) };
      break;
    case 5:
      yield { ...order, vendor_name: `${order.vendor_name} Ltd.` };
      break;
    default:
      yield order;
  }
}

const secondOrder = (order: Order, index: number): Order => ({
  ...order,
  event_id: uuid(index + 1),
  order_id: sha(`second order ${index}`),
});

/** The first orders of the original scenario's history, by time. */
function* rowsOf(count: number): Generator<Row> {
  const { scenario } = parseScenario(readFileSync(join(REPOSITORY, SCENARIO), 'utf8'), SCENARIO);
  if (scenario === undefined) throw new Error(`${SCENARIO} has problems`);
  let index = 0;
  let number = 0;
  for (const { body: truth } of new History('1', scenario).ordersPlaced(0, Infinity)) {
    for (const body of withDefects(truth, index)) yield { number: number++, body, truth };
    if (++index === count) return;
  }
}

/** What became of a row: why it was dropped, or what it holds. */
type Result = { readonly dropped: string } | Values;

/** Evaluates the rows as the batch does: without the time rules, "now" is the time of the order. */
class OurRules {
  private readonly partitions: readonly TestPartition[];
  private readonly catalog = new Catalog();
  /** The latest state of each vendor and product. */
  private readonly announced = new Map<string, string>();

  constructor() {
    const settings = qualitySettings({ actions: { 'time.in_future': 'off', 'time.too_late': 'off' } });
    const evaluator = new RuleEvaluator({ family: 'orders', settings, partitionOf: (key) => partitionFor(key) });
    this.partitions = Array.from({ length: PARTITIONS }, () => {
      const partition = new TestPartition(evaluator);
      partition.catalog = this.catalog;
      return partition;
    });
  }

  resultOf({ body, truth }: Row): Result {
    this.announce(truth);
    const partition = partitionFor(Buffer.from(body.customer_id));
    const record = recordOf({ ...body }, { partition, timestamp: Date.parse(body.order_placed_at) });
    const verdict = this.partitions[partition]?.evaluate(record);
    if (verdict === undefined) throw new RangeError(`no partition ${partition}`);
    return resultOf(verdict, body);
  }

  /** The catalog announces a vendor or product, and each change of it, before the first order that shows it. */
  private announce(truth: Order): void {
    const { vendor_id, vendor_name, vendor_address, vendor_vertical, item_sku, item_name, occurred_at } = truth;
    const vendor = { vendor_id, vendor_name, vendor_address, vendor_vertical };
    const states = [
      [vendor_id, 'vendor.updated', vendor],
      [item_sku, 'product.updated', { item_sku, item_name }],
    ] as const;
    for (const [id, event_type, state] of states) {
      const text = JSON.stringify(state);
      if (this.announced.get(id) === text) continue;
      this.announced.set(id, text);
      this.catalog.apply({ event_type, occurred_at, ...state });
    }
  }
}

function resultOf(verdict: Verdict, body: Order): Result {
  switch (verdict.kind) {
    case 'accept':
      return body;
    case 'repair':
      return verdict.body as unknown as Values;
    case 'reject':
      return { dropped: verdict.reasons[0]?.code ?? '' };
    default:
      return { dropped: verdict.kind };
  }
}

const FIRST = (field: Field, key: string): string =>
  `first_value(${field}) over (partition by ${key} order by number rows between unbounded preceding and unbounded following)`;

/** The original's checks. They drop a row, or write the first row's value into it. */
const CHECKS = `
  with numbered as (
    select *, row_number() over (partition by customer_id, vendor_id, order_placed_at order by number) as copy
    from \`${dataset}.orders\`
  ), remaining as (
    select *,
      ${FIRST('item_name', 'item_sku')} as new_item_name,
      ${FIRST('customer_registered_at', 'customer_id')} as new_customer_registered_at,
      ${FIRST('vendor_name', 'vendor_id')} as new_vendor_name,
      ${FIRST('vendor_address', 'vendor_id')} as new_vendor_address,
      ${FIRST('vendor_vertical', 'vendor_id')} as new_vendor_vertical
    from numbered where copy = 1 and order_placed_at >= customer_registered_at
  )`;
const DROPPED = `${CHECKS}
  select number, if(copy > 1, 'duplicate', 'before registration') as reason from numbered
  where copy > 1 or order_placed_at < customer_registered_at`;
const CHANGED = `${CHECKS}
  select number, new_item_name as item_name, new_vendor_name as vendor_name, new_vendor_address as vendor_address,
    new_vendor_vertical as vendor_vertical,
    format_timestamp('%FT%H:%M:%E6SZ', new_customer_registered_at) as customer_registered_at
  from remaining
  where ${FIELDS.map((field) => `new_${field} != ${field}`).join(' or ')}`;

const COLUMNS = [
  ['customer_id', 'STRING'],
  ['vendor_id', 'STRING'],
  ['item_sku', 'STRING'],
  ['item_name', 'STRING'],
  ['vendor_name', 'STRING'],
  ['vendor_address', 'STRING'],
  ['vendor_vertical', 'STRING'],
  ['order_placed_at', 'TIMESTAMP'],
  ['customer_registered_at', 'TIMESTAMP'],
] as const;

async function query<T>(sql: string): Promise<T[]> {
  const [rows] = await bigquery.query({ query: sql, location: 'US' });
  return rows as T[];
}

/** Runs the original's checks. Returns the results of the rows that they dropped or changed, by number. */
async function originalResults(rows: Iterable<Row>): Promise<ReadonlyMap<number, Result>> {
  const folder = mkdtempSync(join(tmpdir(), 'orderstream-original-'));
  try {
    const path = join(folder, 'orders.ndjson');
    const file = await open(path, 'w');
    for (const { number, body } of rows) {
      const values = COLUMNS.map(([column]) => [column, body[column]]);
      await file.write(`${JSON.stringify({ number, ...Object.fromEntries(values) })}\n`);
    }
    await file.close();
    const schema = [{ name: 'number', type: 'INTEGER' }, ...COLUMNS.map(([name, type]) => ({ name, type }))];
    await bigquery.dataset(dataset).createTable('orders', { schema });
    await bigquery.dataset(dataset).table('orders').load(path, { sourceFormat: 'NEWLINE_DELIMITED_JSON' });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const results = new Map<number, Result>();
  for (const { number, reason } of await query<{ number: number; reason: string }>(DROPPED)) {
    results.set(number, { dropped: reason });
  }
  for (const changed of await query<{ number: number } & Values>(CHANGED)) results.set(changed.number, changed);
  return results;
}

const isDropped = (result: Result): result is { readonly dropped: string } => 'dropped' in result;
const differing = (a: Values, b: Values): readonly Field[] =>
  FIELDS.filter((field) =>
    field === 'customer_registered_at' ? compareTimes(a[field], b[field]) !== 0 : a[field] !== b[field],
  );

/** Why the results differ: docs/original-checks.md explains it. */
const REASONS = {
  second: 'the first of two orders is rejected, and the second one stays',
  repairedFirst: 'the registration is repaired before it is compared',
  registration: 'the registration is known from an order that the original drops',
  renamed: 'the vendor or product was renamed since its first order',
  firstIsWrong: 'the first order of the vendor or product is wrong',
} as const;

/** Compares the results of the rows, in their order. */
class ResultComparison {
  readonly counts = new Map<string, number>();
  readonly unexplained: unknown[] = [];
  /** Of each vendor and product, what the marketplace knew at its first order. */
  private readonly first = new Map<string, Order>();

  add(row: Row, ours: Result, theirs: Result): void {
    const { body, truth } = row;
    for (const id of [truth.vendor_id, truth.item_sku]) if (!this.first.has(id)) this.first.set(id, truth);
    this.count(this.reasonOf(row, ours, theirs) ?? agreement(body, ours));
    if (!isDropped(theirs) && differing(theirs, truth).length > 0) this.count('the original has a wrong value');
    if (isDropped(ours)) return;
    const wrong = differing(ours, truth);
    if (wrong.length > 0) this.count(`we have a wrong value: ${wrong.join(', ')}`);
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private reasonOf(row: Row, ours: Result, theirs: Result): string | undefined {
    const reason = this.findReason(row, ours, theirs);
    if (reason === undefined && !agree(ours, theirs)) this.unexplained.push({ row, ours, theirs });
    return reason;
  }

  private findReason({ body, truth }: Row, ours: Result, theirs: Result): string | undefined {
    if (isDropped(ours)) return undefined;
    if (isDropped(theirs)) {
      if (theirs.dropped === 'duplicate') return REASONS.second;
      return differing(ours, body).includes('customer_registered_at') ? REASONS.repairedFirst : undefined;
    }
    const fields = differing(ours, theirs);
    const wrong = differing(ours, truth);
    if (fields.length === 0 || fields.some((field) => wrong.includes(field))) return undefined;
    if (fields.includes('customer_registered_at')) return REASONS.registration;
    const [vendor, product] = [this.first.get(truth.vendor_id), this.first.get(truth.item_sku)];
    const isRenamed = fields.some((field) => (field === 'item_name' ? product : vendor)?.[field] !== truth[field]);
    return isRenamed ? REASONS.renamed : REASONS.firstIsWrong;
  }
}

/** The numbers of docs/original-checks.md. */
function documentedCounts(): Readonly<Record<string, number>> {
  const text = readFileSync(join(REPOSITORY, 'docs/original-checks.md'), 'utf8');
  const rows = text.matchAll(/^\| (?<what>[^|]+?) +\| +(?<number>[\d,]+) \|$/gm);
  return Object.fromEntries(
    [...rows].map(({ groups }) => [groups?.what, Number(groups?.number?.replaceAll(',', ''))] as const),
  ) as Record<string, number>;
}

const agree = (ours: Result, theirs: Result): boolean =>
  isDropped(ours) || isDropped(theirs) ? isDropped(ours) && isDropped(theirs) : differing(ours, theirs).length === 0;

const agreement = (body: Order, ours: Result): string =>
  isDropped(ours) ? 'both drop' : differing(ours, body).length > 0 ? 'both change' : 'both keep';

describe('the checks of the original pipeline', () => {
  beforeAll(async () => {
    await ensureDataset(bigquery, dataset, 'US');
  });
  afterAll(async () => {
    await bigquery.dataset(dataset).delete({ force: true });
  });

  it(
    `and our rules differ on ${ORDERS.toLocaleString('en-US')} orders only for the stated reasons`,
    async () => {
      const original = await originalResults(rowsOf(ORDERS));
      const rules = new OurRules();
      const comparison = new ResultComparison();
      for (const row of rowsOf(ORDERS)) {
        comparison.add(row, rules.resultOf(row), original.get(row.number) ?? row.body);
      }
      expect(comparison.unexplained.slice(0, 3)).toEqual([]);
      expect(Object.fromEntries(comparison.counts)).toEqual(documentedCounts());
    },
    TEST_MS,
  );
});

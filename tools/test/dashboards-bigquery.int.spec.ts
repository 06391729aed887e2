import { randomUUID } from 'node:crypto';

import { createBigQuery, ensureDataset, ensureTables, queryFresh } from '@orderstream/bigquery';
import { TABLES, VERTICALS } from '@orderstream/contracts';

import { expandSql } from '../src/observability/grafana-macros';
import { LIVE_SQL, LIVE_TABLES } from '../src/observability/live-dashboard';
import { FINGERPRINTS_SQL } from '../src/observability/quality-dashboard';

jest.setTimeout(60_000);

const dataset = `dashboards_${randomUUID().slice(0, 8)}`;
const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT;
const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
const bigquery = createBigQuery({ project, dataset, location: 'US', apiEndpoint });

const at = (time: string): string => `2026-11-26T${time}Z`;
const FROM = new Date(at('10:00:00'));
const TO = new Date(at('10:05:00'));

interface Order {
  readonly id: string;
  readonly time: string;
  readonly type?: string;
  readonly vertical: string | null;
  readonly rating: number | null;
  readonly price?: string;
  readonly quantity?: number;
}
const ORDERS: readonly Order[] = [
  { id: 'e1', time: '10:01:10', vertical: 'Books', rating: 5, price: '10.00', quantity: 2 },
  { id: 'e2', time: '10:01:50', vertical: 'Books', rating: null, price: '5.50', quantity: 1 },
  { id: 'e3', time: '10:02:30', vertical: 'Sports', rating: 2, price: '100.25', quantity: 1 },
  { id: 'e4', time: '10:03:00', vertical: 'Fashion', rating: 4, price: '1.00', quantity: 3 },
  // Before and after the range, and an event that rates an order of another day.
  { id: 'e5', time: '09:59:59', vertical: 'Sports', rating: 1, price: '9.00', quantity: 9 },
  { id: 'e6', time: '10:05:01', vertical: 'Sports', rating: 1, price: '9.00', quantity: 9 },
  { id: 'e7', time: '10:04:00', type: 'order.rated', vertical: null, rating: 1 },
];

const orderRow = ({ id, time, type = 'order.placed', vertical, rating, price, quantity }: Order) => ({
  event_id: id,
  event_type: type,
  occurred_at: at(time),
  order_id: `order-${id}`,
  order_placed_at: at(time),
  customer_id: 'c',
  vendor_vertical: vertical,
  order_rating: rating,
  item_price: price ?? null,
  item_quantity: quantity ?? null,
});
const metadata = (offset: number) => ({
  event_source: '/test',
  _kafka_topic: 't',
  _kafka_partition: 0,
  _kafka_offset: offset,
  _kafka_timestamp: at('10:00:00'),
});
const letter = (offset: number, fingerprint: string, reason: string, time = '10:02:00') => ({
  source: 'stream',
  app: 'validator',
  reason,
  fingerprint,
  source_topic: 'raw',
  source_partition: 0,
  source_offset: offset,
  attempt: 1,
  failed_at: at(time),
  first_failed_at: at(time),
});

/** Values of BigQuery's client as text and numbers. */
const plain = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const time = value !== null && typeof value === 'object' && 'value' in value ? String(value.value) : undefined;
      return [name, time === undefined ? value : new Date(time).toISOString().slice(11, 19)];
    }),
  );

const answer = async (sql: string, table: string, vertical: readonly string[] = VERTICALS) => {
  const expanded = expandSql(sql, { from: FROM, to: TO, variables: { dataset, table, vertical } });
  return (await queryFresh(bigquery, expanded)).map(plain);
};

beforeAll(async () => {
  const specs = [...LIVE_TABLES, 'dead_letters'].flatMap((name) => TABLES[name] ?? []);
  const created = await ensureDataset(bigquery, dataset, 'US');
  await ensureTables(created, specs);
  await created
    .table('order_events')
    .insert(ORDERS.map((order, index) => ({ ...orderRow(order), ...metadata(index) })));
  // Pub/Sub delivered the third order twice.
  await created.table('streaming_orders').insert([...ORDERS, ...ORDERS.slice(2, 3)].map(orderRow));
  await created
    .table('dead_letters')
    .insert([
      letter(1, 'aaaa', 'time.in_future'),
      letter(2, 'aaaa', 'time.in_future', '10:03:00'),
      letter(2, 'aaaa', 'time.in_future', '10:03:00'),
      letter(3, 'bbbb', 'duplicate.order'),
      letter(4, 'bbbb', 'duplicate.order', '09:00:00'),
      { ...letter(5, 'cccc', 'duplicate.order'), source: 'batch' },
    ]);
});
afterAll(() => bigquery.dataset(dataset).delete({ force: true }));

describe.each(LIVE_TABLES)('the live dashboard on %s', (table) => {
  it('shows when the last order of the range was placed', async () => {
    expect(await answer(LIVE_SQL.lastOrder, table)).toEqual([{ last_order_at: '10:03:00', seconds_ago: 120 }]);
    expect(await answer(LIVE_SQL.lastOrder, table, ['Books', 'Sports'])).toEqual([
      { last_order_at: '10:02:30', seconds_ago: 150 },
    ]);
  });

  it('shows the mean of the ratings of the range, whatever the vertical, and the number of rated orders', async () => {
    expect(await answer(LIVE_SQL.averageRating, table)).toEqual([{ average_rating: (5 + 2 + 4 + 1) / 4 }]);
    expect(await answer(LIVE_SQL.averageRating, table, ['Books'])).toEqual([{ average_rating: 3 }]);
    expect(await answer(LIVE_SQL.ratedOrders, table)).toEqual([{ rated_orders: 4 }]);
  });

  it('shows the orders of each vertical, the largest first', async () => {
    expect(await answer(LIVE_SQL.ordersPerVertical, table)).toEqual([
      { vendor_vertical: 'Books', orders: 2 },
      { vendor_vertical: 'Fashion', orders: 1 },
      { vendor_vertical: 'Sports', orders: 1 },
    ]);
  });

  it('shows orders and revenue per minute, each order once', async () => {
    expect(await answer(LIVE_SQL.ordersAndRevenue, table)).toEqual([
      { time: '10:01:00', orders: 2, revenue: 25.5 },
      { time: '10:02:00', orders: 1, revenue: 100.25 },
      { time: '10:03:00', orders: 1, revenue: 3 },
    ]);
  });
});

describe('the dashboard of data quality', () => {
  it('shows the most frequent failures of the stream, each dead letter once', async () => {
    expect(await answer(FINGERPRINTS_SQL, 'dead_letters')).toEqual([
      { fingerprint: 'aaaa', reason: 'time.in_future', app: 'validator', dead_letters: 2, last_failed_at: '10:03:00' },
      { fingerprint: 'bbbb', reason: 'duplicate.order', app: 'validator', dead_letters: 1, last_failed_at: '10:02:00' },
    ]);
  });
});

describe('the BigQuery emulator', () => {
  it('answers as the metadata server does that the data source of Grafana asks for a token', async () => {
    const response = await fetch(
      `${apiEndpoint ?? ''}/computeMetadata/v1/instance/service-accounts/default/token?scopes=any`,
      { headers: { 'Metadata-Flavor': 'Google' } },
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer' });
  });
});

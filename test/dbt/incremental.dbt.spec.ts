import { setTimeout as delay } from 'node:timers/promises';

import {
  at,
  batchOrder,
  customerEvent,
  dayOf,
  deadLetter,
  delivered,
  interaction,
  orderEvent,
  placed,
  productEvent,
  vendorEvent,
} from './rows';
import { Warehouse } from './warehouse';

// Runs of dbt, on a machine that may be busy.
jest.setTimeout(900_000);

/** Every table that a run changes in part. */
const INCREMENTAL = [
  'fact_orders',
  'dim_vendors',
  'dim_products',
  'dim_customers',
  'orders_daily_agg',
  'mart_interactions_funnel',
  'mart_data_quality',
];
const EVERY_DAY = ['--vars', '{tested_days: 3650}'];

type Contents = Readonly<Record<string, string[]>>;

describe('incremental runs with late rows', () => {
  let warehouse: Warehouse;
  /** The tables before late rows, after an incremental run over them, and after a full one. */
  let before: Contents;
  let incremental: Contents;
  let full: Contents;
  const stopping = new AbortController();

  beforeAll(async () => {
    warehouse = await Warehouse.create();
  });
  afterAll(() => {
    // After a failure.
    stopping.abort();
    warehouse.remove();
  });

  const contents = async (): Promise<Contents> =>
    Object.fromEntries(
      await Promise.all(INCREMENTAL.map(async (table) => [table, await warehouse.rowsOf(table)] as const)),
    );
  const order = async (id: string) => {
    const [row] = await warehouse.query(
      `select order_status, order_rating, cast(order_value * 100 as int64) as cents, is_in_batch, is_in_stream
       from fact_orders where order_date >= '1960-01-01' and order_id = '${id}'`,
    );
    return row;
  };

  it('builds a new warehouse, and passes its unit tests before any of its tables exists', async () => {
    await warehouse.mustRun('build', ...EVERY_DAY);
    expect(await warehouse.rowsOf('fact_orders')).toEqual([]);
  });

  it('builds the orders of batch and stream', async () => {
    await warehouse.insert('raw_orders', [
      batchOrder({ order: 'both', placedAt: at(3) }),
      batchOrder({ order: 'batch', placedAt: at(3, '09:00:00'), price: '0.10', quantity: 3 }),
      batchOrder({ order: 'old', placedAt: at(40), vendor: 'v2' }),
    ]);
    await warehouse.insert('order_events', [
      placed({ order: 'both', placedAt: at(3) }),
      placed({ order: 'stream', placedAt: at(3, '11:00:00'), price: '19.99', quantity: 2 }),
      orderEvent('shipped', 'stream', at(3, '11:00:00'), at(2)),
    ]);
    await warehouse.insert('catalog_events', [
      vendorEvent('onboarded', 'v1', 'First name', at(5)),
      productEvent('listed', 's1', '10.00', at(5)),
    ]);
    await warehouse.insert('customer_events', [customerEvent('c1', 'DE', at(5))]);
    await warehouse.insert('interaction_events', [interaction('session.started', 'a', at(2))]);
    await warehouse.insert('dead_letters', [deadLetter(at(2))]);
    await warehouse.insert('streaming_orders', [
      delivered({ order: 'both', placedAt: at(3) }, 1, 'm1'),
      delivered({ order: 'both', placedAt: at(3) }, 1, 'm2'),
    ]);

    await warehouse.mustRun('build', '--exclude-resource-type', 'unit_test', ...EVERY_DAY);

    expect(await order('both')).toMatchObject({ order_status: 'placed', is_in_batch: true, is_in_stream: true });
    expect(await order('batch')).toMatchObject({ cents: 30, is_in_batch: true, is_in_stream: false });
    expect(await order('stream')).toMatchObject({ order_status: 'shipped', cents: 3_998, is_in_batch: false });
    expect(await order('old')).toMatchObject({ order_status: 'placed' });
    expect(await warehouse.rowsOf('streaming_orders_deduplicated', 'message_id')).toEqual(['{"message_id":"m1"}']);
    expect(
      await warehouse.query(
        `select cast(order_date as string) as day, vendor_id, total_orders, cast(total_value * 100 as int64) as cents
         from orders_daily_agg order by day`,
      ),
    ).toEqual([
      { day: dayOf(40), vendor_id: 'v2', total_orders: 1, cents: 1_000 },
      { day: dayOf(3), vendor_id: 'v1', total_orders: 3, cents: 5_028 },
    ]);
  });

  it('runs over late rows of every source within the look-back', async () => {
    before = await contents();
    await warehouse.insert('order_events', [
      // Of a day that is built, and of one before the look-back, by an event within it.
      placed({ order: 'late', placedAt: at(6), price: '5.00' }),
      orderEvent('delivered', 'stream', at(3, '11:00:00'), at(1)),
      orderEvent('paid', 'stream', at(3, '11:00:00'), at(3, '12:00:00')),
      orderEvent('rated', 'old', at(40), at(1), 4),
      placed({ order: 'new customer', placedAt: at(1), customer: 'c9', sku: 's9', vendor: 'v9' }),
    ]);
    await warehouse.insert('catalog_events', [
      vendorEvent('updated', 'v1', 'Second name', at(1)),
      vendorEvent('updated', 'v1', 'Earlier name', at(4)),
      productEvent('price_changed', 's1', '12.00', at(1)),
    ]);
    await warehouse.insert('customer_events', [customerEvent('c1', 'FR', at(1))]);
    await warehouse.insert('interaction_events', [
      interaction('product.viewed', 'a', at(2, '10:05:00')),
      interaction('session.started', 'b', at(6)),
    ]);
    await warehouse.insert('dead_letters', [deadLetter(at(6)), deadLetter(at(2), 'time.in_future')]);

    await warehouse.mustRun('run');
    expect(await order('late')).toMatchObject({ cents: 500 });
    expect(await order('stream')).toMatchObject({ order_status: 'delivered' });
    expect(await order('old')).toMatchObject({ order_rating: 4, is_in_batch: true });
    incremental = await contents();
    await warehouse.mustRun('run', '--full-refresh');
    full = await contents();
  });

  it.each(INCREMENTAL)('%s has its late rows after an incremental run, and equals a full build', (table) => {
    expect(incremental[table]).not.toEqual([]);
    expect(incremental[table]).not.toEqual(before[table]);
    expect(incremental[table]).toEqual(full[table]);
  });

  it('finds a backfill of days before the look-back by their number of orders', async () => {
    await warehouse.insert('raw_orders', [
      batchOrder({ order: 'backfilled', placedAt: at(90), vendor: 'v3', customer: 'c3', sku: 's3' }),
      batchOrder({ order: 'backfilled too', placedAt: at(40, '12:00:00'), vendor: 'v2', price: '2.50' }),
    ]);
    await warehouse.mustRun('run');
    expect(
      await warehouse.query(`select reason from ${warehouse.dataset}_staging.int_days_to_build
      where order_date in ('${dayOf(90)}', '${dayOf(40)}') order by order_date, reason`),
    ).toEqual(expect.arrayContaining([{ reason: 'batch_differs' }]));
    const backfilled = await contents();
    expect(await order('backfilled')).toMatchObject({ is_in_batch: true });
    await warehouse.mustRun('run', '--full-refresh');
    expect(backfilled).toEqual(await contents());
  });

  it.each(['{from: 2026-01-01}', '{to: 2026-01-31}', '{from: 2026-02-01, to: 2026-01-31}'])(
    'fails with the variables %s, which name no range of days',
    async (vars) => {
      const { code, output } = await warehouse.dbt('run', '--select', 'int_days_to_build', '--vars', vars);
      expect([code, output]).toEqual([2, expect.stringContaining('The variables from and to')]);
    },
  );

  it('rebuilds the days that the variables from and to name', async () => {
    await warehouse.mustRun('run', '--select', 'int_days_to_build', '--vars', `{from: ${dayOf(61)}, to: ${dayOf(60)}}`);
    expect(
      await warehouse.query(`select cast(order_date as string) as day from ${warehouse.dataset}_staging.int_days_to_build
        where reason = 'requested' order by day`),
    ).toEqual([{ day: dayOf(61) }, { day: dayOf(60) }]);
  });

  it('leaves rows before the look-back to a run with a longer one, except in the orders', async () => {
    await warehouse.insert('interaction_events', [interaction('session.started', 'c', at(20))]);
    await warehouse.insert('catalog_events', [vendorEvent('onboarded', 'v5', 'Very late', at(20))]);
    await warehouse.mustRun('run');
    expect(await warehouse.query(`select * from mart_interactions_funnel where session_date = '${dayOf(20)}'`)).toEqual(
      [],
    );
    await warehouse.mustRun('run', '--vars', '{lookback_days: 30}');
    expect(
      await warehouse.query(`select * from mart_interactions_funnel where session_date = '${dayOf(20)}'`),
    ).toHaveLength(4);
    expect(await warehouse.query(`select vendor_name from dim_vendors where vendor_id = 'v5'`)).toEqual([
      { vendor_name: 'Very late' },
    ]);
  });

  it('keeps the history of a vendor and of a product', async () => {
    await warehouse.mustRun('snapshot');
    await warehouse.insert('catalog_events', [
      vendorEvent('updated', 'v1', 'Third name', at(0, '00:00:01')),
      productEvent('price_changed', 's1', '13.00', at(0, '00:00:01')),
    ]);
    await warehouse.mustRun(
      'build',
      '--select',
      '+vendors_history',
      '+products_history',
      '--exclude-resource-type',
      'test',
    );
    const history = (name: string, id: string, column: string) =>
      warehouse.query(
        `select cast(${column} as string) as state, dbt_valid_to is null as is_current
         from ${warehouse.dataset}_snapshots.${name} where ${id} order by dbt_valid_from, is_current`,
      );
    const vendors = await history('vendors_history', "vendor_id = 'v1'", 'vendor_name');
    expect(vendors.at(-2)).toEqual({ state: 'Second name', is_current: false });
    expect(vendors.at(-1)).toEqual({ state: 'Third name', is_current: true });
    const products = await history('products_history', "item_sku = 's1'", 'cast(item_price as int64)');
    expect(products.at(-1)).toEqual({ state: '13', is_current: true });
    expect(products.filter(({ is_current }) => is_current === true)).toHaveLength(1);
  });

  it('passes its tests twice while rows arrive, and equals a full build when they have arrived', async () => {
    const arriving = insertUntil(stopping.signal);
    try {
      await warehouse.mustRun('build', '--exclude-resource-type', 'unit_test');
      await warehouse.mustRun('build', '--exclude-resource-type', 'unit_test');
    } finally {
      stopping.abort();
      await arriving;
    }
    const [row] = await warehouse.query(`select count(*) as orders from fact_orders where vendor_id like 'arriving%'`);
    expect(row?.orders).toBeGreaterThan(10);
    await warehouse.mustRun('run');
    const arrived = await contents();
    await warehouse.mustRun('run', '--full-refresh');
    expect(arrived).toEqual(await contents());
  });

  /** Rows of now, each order of a new vendor, product and customer. */
  const insertUntil = async (signal: AbortSignal): Promise<void> => {
    for (let number = 0; !signal.aborted; number++) {
      const now = new Date().toISOString();
      const id = `arriving ${number}`;
      await warehouse.insert('order_events', [
        placed({ order: id, placedAt: now, vendor: id, customer: id, sku: id, price: '0.10', quantity: 3 }),
        orderEvent('paid', id, now, now),
        orderEvent('delivered', 'stream', at(3, '11:00:00'), now),
      ]);
      await warehouse.insert('interaction_events', [interaction('session.started', id, now)]);
      await warehouse.insert('dead_letters', [deadLetter(now)]);
      await delay(500);
    }
  };
});

import { dailyBytes, rowBytes } from './cost';

describe('bytes of a row', () => {
  it('are those of BigQuery: 2 more than its text for a STRING, 8 for a TIMESTAMP, 16 for NUMERIC', () => {
    expect(rowBytes('raw_orders', ['order_id', 'order_placed_at', 'item_price'])).toBe(2 + 64 + 8 + 16);
  });

  it('rejects a column that the table does not have', () => {
    expect(() => rowBytes('raw_orders', ['order_colour'])).toThrow('raw_orders has no column order_colour');
  });
});

describe('bytes of a daily run', () => {
  it('grow with the number of orders', () => {
    const large = new Map(dailyBytes(100_000_000));
    for (const [model, bytes] of dailyBytes(1_000_000)) expect(large.get(model)).toBeCloseTo(bytes * 100, 0);
  });

  it('of the aggregate are those of the rebuilt days and of all vendors', () => {
    const perOrder = 66 + 8 + 66 + 16 + 8;
    const vendors = 1_095_000 * 0.001 * (66 + 22 + 12);
    expect(new Map(dailyBytes(1_095_000)).get('orders_daily_agg')).toBeCloseTo(22 * 1_000 * perOrder + vendors, 3);
  });
});

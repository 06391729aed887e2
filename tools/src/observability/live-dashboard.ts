import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { VERTICALS } from '@orderstream/contracts';

import { sqlBars, sqlLines, sqlStat } from './panels';

/** Both paths to the warehouse have the columns of an order. */
export const LIVE_TABLES = ['order_events', 'streaming_orders'] as const;
/** The dataset of docs/configuration.md. */
const DATASET = 'ecommerce_db';

const FROM = '`${dataset}.${table}`';
/** The time bounds the partitions that BigQuery reads. */
const ORDERS =
  "$__timeFilter(occurred_at) AND event_type = 'order.placed' AND vendor_vertical IN (${vertical:sqlstring})";

/** A rating comes with an event of its own, days after the order, or with an order that was placed elsewhere. */
const RATINGS =
  "$__timeFilter(occurred_at) AND event_type IN ('order.placed', 'order.rated') AND order_rating IS NOT NULL";

/** streaming_orders has an order once per delivery, so that each is counted by its event. */
export const LIVE_SQL = {
  lastOrder: `SELECT
  MAX(order_placed_at) AS last_order_at,
  TIMESTAMP_DIFF(TIMESTAMP '\${__to:date:iso}', MAX(order_placed_at), SECOND) AS seconds_ago
FROM ${FROM}
WHERE ${ORDERS}`,
  averageRating: `SELECT AVG(order_rating) AS average_rating
FROM (
  SELECT event_id, ANY_VALUE(order_rating) AS order_rating
  FROM ${FROM}
  WHERE ${RATINGS}
  GROUP BY event_id
)`,
  ratedOrders: `SELECT COUNT(DISTINCT order_id) AS rated_orders
FROM ${FROM}
WHERE ${RATINGS}`,
  ordersPerVertical: `SELECT vendor_vertical, COUNT(DISTINCT event_id) AS orders
FROM ${FROM}
WHERE ${ORDERS}
GROUP BY vendor_vertical
ORDER BY orders DESC, vendor_vertical`,
  ordersAndRevenue: `SELECT
  $__timeGroup(occurred_at, 1m) AS time,
  COUNT(*) AS orders,
  CAST(SUM(revenue) AS FLOAT64) AS revenue
FROM (
  SELECT event_id, ANY_VALUE(occurred_at) AS occurred_at, ANY_VALUE(item_price * item_quantity) AS revenue
  FROM ${FROM}
  WHERE ${ORDERS}
  GROUP BY event_id
)
GROUP BY time
ORDER BY time`,
} as const;

const option = (value: string, selected: boolean): dashboard.VariableOption => ({ text: value, value, selected });

export function liveDashboard(): dashboard.Dashboard {
  return new dashboard.DashboardBuilder('eCommerce Live Dashboard')
    .uid('orderstream-live')
    .description(
      'The orders of the last five minutes, from BigQuery. An open dashboard runs five queries every 5 s: docs/operations.md says what that costs per hour.',
    )
    .tags(['orderstream'])
    .timezone('utc')
    .time({ from: 'now-5m', to: 'now' })
    .refresh('5s')
    .readonly()
    .withVariable(
      new dashboard.CustomVariableBuilder('table')
        .label('Path')
        .description('order_events: validator and sink, exactly once. streaming_orders: Pub/Sub, at least once.')
        .values(LIVE_TABLES.join(','))
        .options(LIVE_TABLES.map((name, index) => option(name, index === 0)))
        .current(option(LIVE_TABLES[0], true)),
    )
    .withVariable(
      new dashboard.CustomVariableBuilder('vertical')
        .label('Vertical')
        .description('Line of goods of the vendor.')
        .values(VERTICALS.join(','))
        .options(VERTICALS.map((name) => option(name, false)))
        .multi(true)
        .includeAll(true)
        .current({ text: ['All'], value: ['$__all'], selected: true }),
    )
    .withVariable(new dashboard.ConstantVariableBuilder('dataset').description('BIGQUERY_DATASET.').value(DATASET))
    .withPanel(
      sqlStat(
        {
          title: 'When was the last order placed?',
          description: 'Last order at: the latest order_placed_at in the range, and how long ago that is.',
          unit: 'dateTimeAsIso',
          limits: [],
          width: 8,
          height: 5,
        },
        LIVE_SQL.lastOrder,
      ).overrideByName('seconds_ago', [
        { id: 'unit', value: 's' },
        { id: 'decimals', value: 0 },
        {
          id: 'thresholds',
          value: {
            mode: 'absolute',
            steps: [
              { value: null, color: 'green' },
              { value: 60, color: 'orange' },
              { value: 300, color: 'red' },
            ],
          },
        },
      ]),
    )
    .withPanel(
      sqlStat(
        {
          title: 'How are orders rated, from 1 to 5?',
          description: 'Average orders rating: mean of the ratings that were given in the range, of all verticals.',
          unit: 'none',
          limits: [],
          width: 8,
          height: 5,
          decimals: 2,
        },
        LIVE_SQL.averageRating,
      ).thresholds(
        new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps([
          { value: null, color: 'red' },
          { value: 2.5, color: 'orange' },
          { value: 2.8, color: 'green' },
        ]),
      ),
    )
    .withPanel(
      sqlStat(
        {
          title: 'How many orders were rated?',
          description: 'Rated orders: orders that were rated in the range, of all verticals.',
          unit: 'short',
          limits: [],
          width: 8,
          height: 5,
          decimals: 0,
        },
        LIVE_SQL.ratedOrders,
      ),
    )
    .withPanel(
      sqlBars(
        {
          title: 'How many orders has each vertical?',
          description: 'Orders per vertical: orders of the range by the line of goods of their vendor.',
          unit: 'short',
          limits: [],
          width: 8,
          height: 11,
          decimals: 0,
        },
        LIVE_SQL.ordersPerVertical,
      ),
    )
    .withPanel(
      sqlLines(
        {
          title: 'Orders and revenue per minute',
          description:
            'Orders & revenue: orders (left axis), and the sum of item_price × item_quantity (right axis), by the minute of occurred_at. The first and the last minute are not whole.',
          unit: 'short',
          limits: [],
          width: 16,
          height: 11,
          decimals: 0,
        },
        LIVE_SQL.ordersAndRevenue,
      )
        .axisLabel('orders')
        .overrideByName('revenue', [
          { id: 'custom.axisPlacement', value: common.AxisPlacement.Right },
          { id: 'custom.axisLabel', value: 'revenue' },
          { id: 'unit', value: 'currencyEUR' },
        ]),
    )
    .build();
}

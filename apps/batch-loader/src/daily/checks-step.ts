import { type BigQuery } from '@google-cloud/bigquery';
import { queryFresh, type QueryRow } from '@orderstream/bigquery';
import { type DayRange, rangeText } from '../runs/run';
import { type DailyStep, type StepContext } from './daily-job';
import { DailyCheckError } from './errors';

const QUERY_DEADLINE_MS = 600_000;
/** Days in the message of a failure. */
const MAX_EXAMPLES = 5;

/** Orders of a day and their value. */
interface DayTotals {
  readonly orders: string;
  readonly value: string;
}

/**
 * Compares `orders_daily_agg` with the raw tables, day by day and to the cent. The tests of dbt compare its vendors of the
 * last days as well; this is independent of dbt, and has the days that the run has loaded, however old they are.
 */
export class ChecksStep implements DailyStep {
  readonly name = 'checks';

  constructor(
    private readonly bigquery: BigQuery,
    private readonly dataset: string,
  ) {}

  async run({ run: { plan, steps } }: StepContext): Promise<string> {
    const { range } = plan;
    const since = steps.build?.startedAt ?? new Date().toISOString();
    const [raw, aggregated, arriving] = [
      totalsOf(await this.query(rawTotals(this.dataset), range)),
      totalsOf(await this.query(aggregateTotals(this.dataset), range)),
      new Set((await this.query(arrivingDays(this.dataset), range, { since })).map((row) => textOf(row, 'day'))),
    ];
    const days = [...new Set([...raw.keys(), ...aggregated.keys()])].filter((day) => !arriving.has(day)).sort();
    const different = days.flatMap((day) => {
      const [expected, actual] = [describe(raw.get(day)), describe(aggregated.get(day))];
      return expected === actual ? [] : [`${day}: ${actual} instead of ${expected}`];
    });
    if (different.length > 0) {
      throw new DailyCheckError(
        `orders_daily_agg differs from raw_orders and order_events on ${different.length} of ${days.length} days: ` +
          `${different.slice(0, MAX_EXAMPLES).join('; ')}. The next start of the run builds again.`,
        { retriable: true },
      );
    }
    const skipped = arriving.size === 0 ? '' : `, ${arriving.size} not compared, because orders of them still arrive`;
    return `orders_daily_agg equals the raw tables, ${rangeText(range)}${skipped}`;
  }

  private query(
    sql: string,
    { from, to }: DayRange,
    params: Record<string, string> = {},
  ): Promise<readonly QueryRow[]> {
    return queryFresh(this.bigquery, sql, { from, to, ...params }, { deadlineMs: QUERY_DEADLINE_MS });
  }
}

/** An order is placed when its event occurs; a day on each side is for clocks. */
const EVENTS_OF_RANGE = `occurred_at >= timestamp_sub(timestamp(@from), interval 1 day)
    and occurred_at < timestamp_add(timestamp(@to), interval 1 day)`;
const PLACED_IN_RANGE = 'order_placed_at >= timestamp(@from) and order_placed_at < timestamp(@to)';

/** Each order of the stream once, as its first event has it, and those of the batch that the stream does not have. */
const rawTotals = (dataset: string): string => `with placed as (
  select order_id, order_placed_at, item_price * item_quantity as order_value
  from ${dataset}.order_events
  where event_type = 'order.placed' and ${EVENTS_OF_RANGE}
  qualify row_number() over (partition by order_id order by occurred_at, _kafka_offset) = 1
),
orders as (
  select date(order_placed_at) as order_date, order_value from placed where ${PLACED_IN_RANGE}
  union all
  select date(order_placed_at) as order_date, item_price * item_quantity as order_value
  from ${dataset}.raw_orders
  where ${PLACED_IN_RANGE} and order_id not in (select placed.order_id from placed)
)
select cast(order_date as string) as day, cast(count(*) as string) as orders, cast(sum(order_value) as string) as value
from orders
group by order_date`;

const aggregateTotals = (dataset: string): string => `select
  cast(order_date as string) as day,
  cast(sum(total_orders) as string) as orders,
  cast(sum(total_value) as string) as value
from ${dataset}.orders_daily_agg
where order_date >= cast(@from as date) and order_date < cast(@to as date)
group by order_date`;

/** Days of which orders have arrived since shortly before the build began. */
const arrivingDays = (dataset: string): string => `select distinct cast(date(order_placed_at) as string) as day
from ${dataset}.order_events
where ${EVENTS_OF_RANGE} and ${PLACED_IN_RANGE} and _kafka_timestamp >= timestamp_sub(timestamp(@since), interval 10 minute)`;

function totalsOf(rows: readonly QueryRow[]): ReadonlyMap<string, DayTotals> {
  return new Map(
    rows.map((row) => [textOf(row, 'day'), { orders: textOf(row, 'orders'), value: amountOf(textOf(row, 'value')) }]),
  );
}

function textOf(row: QueryRow, name: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw new TypeError(`${name} is not a text`);
  return value;
}

/** `12.50` and `12.5` are the same amount. */
const amountOf = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

const describe = (totals: DayTotals | undefined): string =>
  totals === undefined ? 'no orders' : `${totals.orders} orders of ${totals.value}`;

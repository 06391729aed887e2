// In the place of dbt: builds orders_daily_agg from raw_orders. The file FAKE_DBT says what goes wrong; its calls are added to it.
const { readFileSync, writeFileSync } = require('node:fs');
const { createBigQuery } = require('../../../dist/libs/bigquery/src/index.js');

const { FAKE_DBT, ORDERSTREAM_DBT_PROJECT, ORDERSTREAM_DBT_DATASET, ORDERSTREAM_DBT_API_ENDPOINT } = process.env;
const read = () => JSON.parse(readFileSync(FAKE_DBT, 'utf8'));
const update = (change) => writeFileSync(FAKE_DBT, JSON.stringify({ ...read(), ...change }));

process.on('SIGINT', () => {
  update({ interrupted: true });
  process.exit(130);
});

async function build() {
  const { calls = [], failures = 0, hangs = false, adds = '0' } = read();
  update({ calls: [...calls, process.argv.slice(2).join(' ')], secret: process.env.ALERT_WEBHOOK_URL ?? null });
  if (hangs) await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (failures > 0) {
    update({ failures: failures - 1 });
    console.log('Failure in test unique_fact_orders_order_id');
    process.exit(1);
  }
  const dataset = ORDERSTREAM_DBT_DATASET;
  const bigquery = createBigQuery({
    project: ORDERSTREAM_DBT_PROJECT,
    dataset,
    location: 'US',
    apiEndpoint: ORDERSTREAM_DBT_API_ENDPOINT,
  });
  await bigquery.query(`create or replace table ${dataset}.orders_daily_agg as
    select date(order_placed_at) as order_date, vendor_id, count(distinct order_id) as total_orders,
      sum(item_price * item_quantity) + cast('${adds}' as numeric) as total_value
    from ${dataset}.raw_orders group by 1, 2`);
  console.log('02:00:01  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1');
}

build().catch((error) => {
  console.error(error.message);
  process.exit(2);
});

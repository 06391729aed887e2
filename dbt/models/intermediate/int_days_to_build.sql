{{ config(materialized='table') }}

{%- set requested = requested_days() %}
{%- set fact = adapter.get_relation(target.project, target.schema, 'fact_orders') if execute else none -%}
{%- set daily = adapter.get_relation(target.project, target.schema, 'orders_daily_agg') if execute else none %}

with streamed as (
    select distinct
        date(order_placed_at) as order_date,
        'stream_lookback' as reason
    from {{ ref('stg_order_events') }}
    where occurred_at >= timestamp({{ lookback_start() }})
),

loaded as (
    select distinct
        date(order_placed_at) as order_date,
        'batch_lookback' as reason
    from {{ ref('stg_raw_orders') }}
    where order_placed_at >= timestamp({{ lookback_start() }})
)

{%- if requested %},

requested as (
    select
        order_date,
        'requested' as reason
    from unnest(generate_date_array(date '{{ requested.from }}', date '{{ requested.to }}')) as order_date
)
{%- endif %}
{%- if fact %},

-- A backfill of old days, which the look-back does not cover, changes the number of orders of its days.
batch_orders as (
    select
        date(order_placed_at) as order_date,
        count(*) as orders
    from {{ ref('stg_raw_orders') }}
    where {{ all_partitions('order_placed_at') }}
    group by order_date
),

fact_orders as (
    select
        order_date,
        countif(is_in_batch) as batch_orders,
        count(*) as orders
    from {{ fact or 'fact_orders' }}
    where order_date >= date '1960-01-01'
    group by order_date
),

backfilled as ( -- noqa: ST03
    select
        coalesce(batch_orders.order_date, fact_orders.order_date) as order_date,
        'batch_differs' as reason
    from batch_orders
    full join fact_orders on batch_orders.order_date = fact_orders.order_date
    where coalesce(batch_orders.orders, 0) != coalesce(fact_orders.batch_orders, 0)
)
{%- endif %}
{%- if fact and daily %},

-- After a run that built the fact and failed before the aggregate.
daily as (
    select
        order_date,
        sum(total_orders) as orders
    from {{ daily or 'orders_daily_agg' }}
    where order_date >= date '1960-01-01'
    group by order_date
),

unaggregated as ( -- noqa: ST03
    select
        fact_orders.order_date,
        'aggregate_differs' as reason
    from fact_orders
    left join daily on fact_orders.order_date = daily.order_date
    where fact_orders.orders != coalesce(daily.orders, 0)
)
{%- endif %},

all_days as (
    select * from streamed
    union all
    select * from loaded
    {%- if requested %}
    union all
    select * from requested
    {%- endif %}
    {%- if fact %}
    union all
    select * from backfilled
    {%- endif %}
    {%- if fact and daily %}
    union all
    select * from unaggregated
    {%- endif %}
)

select
    order_date,
    reason,
    current_timestamp() as built_at
from all_days

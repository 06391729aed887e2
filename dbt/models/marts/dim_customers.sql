-- After the fact, so that the dimensions know whatever an order that has just arrived refers to.
-- depends_on: {{ ref('int_days_to_build') }}
-- depends_on: {{ ref('fact_orders') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='customer_id',
        cluster_by=['customer_id'],
        on_schema_change='fail'
    )
}}
{%- set days = days_to_build() %}
{%- set before = rows_before() %}

with from_customers as (
    select
        customer_id,
        customer_registered_at,
        customer_country,
        marketing_consent,
        'customers' as known_from,
        occurred_at as updated_at,
        kafka_offset
    from {{ ref('stg_customer_events') }}
    where {{ since_lookback('occurred_at') }}
),

from_orders as (
    select
        customer_id,
        customer_registered_at,
        cast(null as string) as customer_country,
        cast(null as bool) as marketing_consent,
        'orders' as known_from,
        order_placed_at as updated_at,
        coalesce(kafka_offset, -1) as kafka_offset
    from {{ ref('int_orders_placed') }}
    where
        {{ placed_on(days, 'order_placed_at') }}
        and {{ occurred_since(days, 'occurred_at') }}
),

candidates as (
    select * from from_customers
    union all
    select * from from_orders
    {%- if before %}
    union all
    select
        customer_id,
        customer_registered_at,
        customer_country,
        marketing_consent,
        known_from,
        updated_at,
        cast(-1 as int64) as kafka_offset
    from {{ before }}
    where
        customer_id in (select from_customers.customer_id from from_customers)
        or customer_id in (select from_orders.customer_id from from_orders)
    {%- endif %}
)

select
    customer_id,
    customer_registered_at,
    customer_country,
    marketing_consent,
    known_from,
    updated_at
from candidates
-- 'customers' sorts before 'orders'.
qualify
    row_number() over (
        partition by customer_id
        order by known_from asc, updated_at desc, kafka_offset desc, customer_registered_at asc
    ) = 1

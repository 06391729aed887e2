-- After the fact, so that the dimensions know whatever an order that has just arrived refers to.
-- depends_on: {{ ref('int_days_to_build') }}
-- depends_on: {{ ref('fact_orders') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='item_sku',
        cluster_by=['item_sku'],
        on_schema_change='fail'
    )
}}
{%- set days = days_to_build() %}
{%- set before = rows_before() %}

with from_catalog as (
    select
        item_sku,
        vendor_id,
        item_name,
        item_price,
        event_type != 'product.delisted' as is_listed,
        'catalog' as known_from,
        occurred_at as updated_at,
        kafka_offset
    from {{ ref('stg_catalog_events') }}
    where
        item_sku is not null
        and {{ since_lookback('occurred_at') }}
),

from_orders as (
    select
        item_sku,
        vendor_id,
        item_name,
        item_price,
        cast(null as bool) as is_listed,
        'orders' as known_from,
        order_placed_at as updated_at,
        coalesce(kafka_offset, -1) as kafka_offset
    from {{ ref('int_orders_placed') }}
    where
        {{ placed_on(days, 'order_placed_at') }}
        and {{ occurred_since(days, 'occurred_at') }}
),

candidates as (
    select * from from_catalog
    union all
    select * from from_orders
    {%- if before %}
    union all
    select
        item_sku,
        vendor_id,
        item_name,
        item_price,
        is_listed,
        known_from,
        updated_at,
        cast(-1 as int64) as kafka_offset
    from {{ before }}
    where
        item_sku in (select from_catalog.item_sku from from_catalog)
        or item_sku in (select from_orders.item_sku from from_orders)
    {%- endif %}
)

select
    item_sku,
    vendor_id,
    item_name,
    item_price,
    is_listed,
    known_from,
    updated_at
from candidates
-- 'catalog' sorts before 'orders'.
qualify
    row_number() over (
        partition by item_sku
        order by
            known_from asc, updated_at desc, kafka_offset desc, vendor_id asc, item_name asc, item_price asc
    ) = 1

-- After the fact, so that the dimensions know whatever an order that has just arrived refers to.
-- depends_on: {{ ref('int_days_to_build') }}
-- depends_on: {{ ref('fact_orders') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='vendor_id',
        cluster_by=['vendor_id'],
        on_schema_change='fail'
    )
}}
{%- set days = days_to_build() %}
{%- set before = rows_before() %}

with from_catalog as (
    select
        vendor_id,
        vendor_name,
        vendor_address,
        vendor_vertical,
        'catalog' as known_from,
        occurred_at as updated_at,
        kafka_offset
    from {{ ref('stg_catalog_events') }}
    where
        event_type in ('vendor.onboarded', 'vendor.updated')
        and {{ since_lookback('occurred_at') }}
),

from_orders as (
    select
        vendor_id,
        vendor_name,
        vendor_address,
        vendor_vertical,
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
        vendor_id,
        vendor_name,
        vendor_address,
        vendor_vertical,
        known_from,
        updated_at,
        cast(-1 as int64) as kafka_offset
    from {{ before }}
    where
        vendor_id in (select from_catalog.vendor_id from from_catalog)
        or vendor_id in (select from_orders.vendor_id from from_orders)
    {%- endif %}
)

select
    vendor_id,
    vendor_name,
    vendor_address,
    vendor_vertical,
    known_from,
    updated_at
from candidates
-- 'catalog' sorts before 'orders'.
qualify
    row_number() over (
        partition by vendor_id
        order by
            known_from asc,
            updated_at desc,
            kafka_offset desc,
            vendor_name asc,
            vendor_address asc,
            vendor_vertical asc
    ) = 1

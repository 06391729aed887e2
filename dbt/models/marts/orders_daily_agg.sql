-- The last of a run: if anything before it fails, the next run finds that its days lack orders, and builds them again.
-- depends_on: {{ ref('int_days_to_build') }}
-- depends_on: {{ ref('dim_customers') }}
-- depends_on: {{ ref('dim_products') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='insert_overwrite',
        partition_by={'field': 'order_date', 'data_type': 'date', 'granularity': 'day'},
        cluster_by=['vendor_id'],
        on_schema_change='fail'
    )
}}
{%- set days = days_to_build() %}

with orders as (
    select
        order_id,
        order_date,
        vendor_id,
        item_price,
        item_quantity
    from {{ ref('fact_orders') }}
    where
        {{ on_days(days, 'order_date') }}
),

daily as (
    select
        order_date,
        vendor_id,
        count(distinct order_id) as total_orders,
        sum(item_price * item_quantity) as total_value
    from orders
    group by order_date, vendor_id
)

select
    daily.order_date,
    daily.vendor_id,
    vendors.vendor_vertical,
    vendors.vendor_name,
    daily.total_orders,
    daily.total_value
from daily
left join {{ ref('dim_vendors') }} as vendors on daily.vendor_id = vendors.vendor_id

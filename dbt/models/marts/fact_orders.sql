-- The emulator of target local rejects the merge of insert_overwrite on a table that requires a filter.
-- depends_on: {{ ref('int_days_to_build') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='insert_overwrite',
        partition_by={'field': 'order_date', 'data_type': 'date', 'granularity': 'day'},
        cluster_by=['vendor_id', 'customer_id'],
        require_partition_filter=(target.name != 'local'),
        on_schema_change='fail'
    )
}}
{%- set days = days_to_build() %}

with placements as (
    select *
    from {{ ref('int_orders_placed') }}
    where
        {{ placed_on(days, 'order_placed_at') }}
        and {{ occurred_since(days, 'occurred_at') }}
),

events as (
    select *
    from {{ ref('stg_order_events') }}
    where
        {{ placed_on(days, 'order_placed_at') }}
        and {{ occurred_since(days, 'occurred_at') }}
),

-- The stream's placement goes before that of the batch: the validator has repaired it.
placed as (
    select *
    from placements
    qualify
        row_number() over (
            partition by order_id order by path desc, occurred_at asc, kafka_partition asc, kafka_offset asc
        ) = 1
),

paths as (
    select
        order_id,
        countif(path = 'stream') > 0 as is_in_stream,
        countif(path = 'batch') > 0 as is_in_batch
    from placements
    group by order_id
),

latest_status as (
    select
        order_id,
        replace(event_type, 'order.', '') as order_status,
        occurred_at as status_changed_at
    from events
    where event_type != 'order.rated'
    qualify row_number() over (partition by order_id order by occurred_at desc, kafka_offset desc) = 1
),

latest_rating as (
    select
        order_id,
        order_rating
    from events
    where event_type = 'order.rated'
    qualify row_number() over (partition by order_id order by occurred_at desc, kafka_offset desc) = 1
),

milestones as (
    select
        order_id,
        min(if(event_type = 'order.paid', occurred_at, null)) as paid_at,
        min(if(event_type = 'order.shipped', occurred_at, null)) as shipped_at,
        min(if(event_type = 'order.delivered', occurred_at, null)) as delivered_at,
        min(if(event_type = 'order.cancelled', occurred_at, null)) as cancelled_at,
        min(if(event_type = 'order.returned', occurred_at, null)) as returned_at
    from events
    group by order_id
)

select
    placed.order_id,
    date(placed.order_placed_at) as order_date,
    placed.order_placed_at,
    coalesce(latest_status.order_status, 'placed') as order_status,
    coalesce(latest_status.status_changed_at, placed.order_placed_at) as status_changed_at,
    milestones.paid_at,
    milestones.shipped_at,
    milestones.delivered_at,
    milestones.cancelled_at,
    milestones.returned_at,
    coalesce(latest_rating.order_rating, placed.order_rating) as order_rating,
    placed.vendor_id,
    placed.customer_id,
    placed.item_sku,
    placed.item_price,
    placed.item_quantity,
    placed.item_price * placed.item_quantity as order_value,
    paths.is_in_stream,
    paths.is_in_batch
from placed
inner join paths on placed.order_id = paths.order_id
left join latest_status on placed.order_id = latest_status.order_id
left join latest_rating on placed.order_id = latest_rating.order_id
left join milestones on placed.order_id = milestones.order_id

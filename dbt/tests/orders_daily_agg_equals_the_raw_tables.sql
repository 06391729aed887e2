-- Each order of the stream counts once, and each of the batch that the stream does not have. Days of which an order has
-- arrived since the run began, or so shortly before that the sink may have written it since, are left out: in a running
-- stream that is today.
{%- set recent = "timestamp(date_sub(current_date(), interval " ~ var('tested_days') ~ " day))" %}

with arriving as (
    select distinct date(order_placed_at) as order_date
    from {{ source('ecommerce_db', 'order_events') }}
    where
        event_type = 'order.placed'
        and occurred_at >= {{ recent }}
        and _kafka_timestamp >= (
            select timestamp_sub(coalesce(max(days.built_at), timestamp '2200-01-01'), interval 10 minute)
            from {{ ref('int_days_to_build') }} as days
        )
),

stream_orders as (
    select
        order_id,
        array_agg(order_placed_at order by occurred_at asc, _kafka_offset asc limit 1)[offset(0)] as order_placed_at,
        array_agg(vendor_id order by occurred_at asc, _kafka_offset asc limit 1)[offset(0)] as vendor_id,
        array_agg(item_price order by occurred_at asc, _kafka_offset asc limit 1)[offset(0)] as item_price,
        array_agg(item_quantity order by occurred_at asc, _kafka_offset asc limit 1)[offset(0)] as item_quantity
    from {{ source('ecommerce_db', 'order_events') }}
    where event_type = 'order.placed' and occurred_at >= {{ recent }}
    group by order_id
),

contributions as (
    select
        date(order_placed_at) as order_date,
        vendor_id,
        1 as orders,
        item_price * item_quantity as order_value
    from {{ source('ecommerce_db', 'raw_orders') }}
    where
        order_placed_at >= {{ recent }}
        and order_id not in (select stream_orders.order_id from stream_orders)

    union all

    select
        date(order_placed_at) as order_date,
        vendor_id,
        1 as orders,
        item_price * item_quantity as order_value
    from stream_orders
    where order_placed_at >= {{ recent }}
),

expected as (
    select
        order_date,
        vendor_id,
        sum(orders) as total_orders,
        sum(order_value) as total_value
    from contributions
    group by order_date, vendor_id
),

actual as (
    select *
    from {{ ref('orders_daily_agg') }}
    where order_date >= date_sub(current_date(), interval {{ var('tested_days') }} day)
)

select
    coalesce(expected.order_date, actual.order_date) as order_date,
    coalesce(expected.vendor_id, actual.vendor_id) as vendor_id,
    expected.total_orders as expected_orders,
    actual.total_orders as actual_orders,
    expected.total_value as expected_value,
    actual.total_value as actual_value
from expected
full join actual on expected.order_date = actual.order_date and expected.vendor_id = actual.vendor_id
where
    (
        expected.total_orders is distinct from actual.total_orders
        or expected.total_value is distinct from actual.total_value
    )
    and coalesce(expected.order_date, actual.order_date) not in (select arriving.order_date from arriving)

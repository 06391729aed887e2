-- Filters on occurred_at and order_placed_at reach the partitions of both source tables.
with streamed as (
    select
        'stream' as path,
        order_id,
        order_placed_at,
        occurred_at,
        order_rating,
        vendor_id,
        vendor_name,
        vendor_address,
        vendor_vertical,
        customer_id,
        customer_registered_at,
        item_sku,
        item_name,
        item_price,
        item_quantity,
        kafka_partition,
        kafka_offset
    from {{ ref('stg_order_events') }}
    where event_type = 'order.placed'
),

batch as (
    select
        'batch' as path,
        order_id,
        order_placed_at,
        order_placed_at as occurred_at,
        order_rating,
        vendor_id,
        vendor_name,
        vendor_address,
        vendor_vertical,
        customer_id,
        customer_registered_at,
        item_sku,
        item_name,
        item_price,
        item_quantity,
        cast(null as int64) as kafka_partition,
        cast(null as int64) as kafka_offset
    from {{ ref('stg_raw_orders') }}
)

select * from streamed
union all
select * from batch

-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'order_events') }}
)

select
    event_id,
    event_type,
    occurred_at,
    order_id,
    order_placed_at,
    customer_id,
    order_rating,
    vendor_id,
    vendor_name,
    vendor_address,
    vendor_vertical,
    customer_registered_at,
    item_sku,
    item_name,
    item_price,
    item_quantity,
    payment_id,
    payment_method,
    payment_amount,
    carrier,
    tracking_id,
    delivery_attempt,
    cancelled_by,
    cancel_reason,
    return_reason,
    returned_quantity,
    refund_amount,
    event_source,
    quality_flags,
    trace_id,
    _kafka_topic as kafka_topic,
    _kafka_partition as kafka_partition,
    _kafka_offset as kafka_offset,
    _kafka_timestamp as kafka_timestamp,
    _retry_partition as retry_partition,
    _retry_offset as retry_offset
from source

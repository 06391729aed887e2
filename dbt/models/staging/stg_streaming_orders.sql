-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'streaming_orders') }}
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
    subscription_name,
    message_id,
    publish_time,
    attributes,
    json_value(attributes, '$.kafka_topic') as kafka_topic,
    safe_cast(json_value(attributes, '$.kafka_partition') as int64) as kafka_partition,
    safe_cast(json_value(attributes, '$.kafka_offset') as int64) as kafka_offset
from source

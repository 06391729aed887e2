{{ config(materialized='view') }}

-- The same record always has the same occurred_at. As part of the partition it lets a filter on it reach the partitions
-- of the table.
select
    kafka_topic,
    kafka_partition,
    kafka_offset,
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
    message_id,
    publish_time
from {{ ref('stg_streaming_orders') }}
where
    kafka_topic is not null
    and kafka_partition is not null
    and kafka_offset is not null
    and event_id is not null
qualify
    row_number() over (
        partition by kafka_topic, kafka_partition, kafka_offset, occurred_at order by publish_time, message_id
    ) = 1

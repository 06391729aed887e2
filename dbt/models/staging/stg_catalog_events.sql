-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'catalog_events') }}
)

select
    event_id,
    event_type,
    occurred_at,
    vendor_id,
    vendor_name,
    vendor_address,
    vendor_vertical,
    item_sku,
    item_name,
    item_price,
    previous_item_price,
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

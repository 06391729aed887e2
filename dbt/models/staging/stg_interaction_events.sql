-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'interaction_events') }}
)

select
    event_id,
    event_type,
    occurred_at,
    session_id,
    customer_id,
    device,
    channel,
    visit_country,
    item_sku,
    vendor_id,
    search_terms,
    search_vertical,
    result_count,
    item_quantity,
    item_price,
    cart_items,
    cart_value,
    review_rating,
    review_text,
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

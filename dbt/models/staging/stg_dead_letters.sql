-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'dead_letters') }}
)

select
    source,
    app,
    reason,
    fingerprint,
    detail,
    source_topic,
    source_partition,
    source_offset,
    source_timestamp,
    batch_run_id,
    batch_row,
    attempt,
    failed_at,
    first_failed_at,
    event_id,
    event_type,
    event_source,
    trace_id,
    record_key,
    record_key_bytes,
    body,
    body_bytes,
    headers,
    cut,
    _kafka_topic as kafka_topic,
    _kafka_partition as kafka_partition,
    _kafka_offset as kafka_offset,
    _kafka_timestamp as kafka_timestamp
from source

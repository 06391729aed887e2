{{
    config(
        materialized='incremental',
        incremental_strategy='insert_overwrite',
        partition_by={'field': 'quality_date', 'data_type': 'date', 'granularity': 'day'},
        cluster_by=['rule'],
        on_schema_change='fail'
    )
}}

with letters as (
    select
        *,
        -- Null where the value is not JSON, as of many rejected records.
        safe.parse_json(body) as event
    from {{ ref('stg_dead_letters') }}
    where {{ since_lookback('failed_at') }}
    qualify
        row_number() over (
            partition by
                source, app, source_topic, source_partition, source_offset, batch_run_id, batch_row, attempt
            order by failed_at
        ) = 1
),

reasons as (
    select
        letters.*,
        json_value(reason_json, '$.code') as rule,
        json_value(reason_json, '$.path') as field
    from letters
    cross join unnest(json_query_array(letters.detail)) as reason_json
),

rejected as (
    select
        date(failed_at) as quality_date,
        source,
        app,
        'rejected' as outcome,
        rule,
        field,
        json_value(event, '$.vendor_id') as vendor_id,
        count(*) as records
    from reasons
    group by quality_date, source, app, outcome, rule, field, vendor_id

    union all

    -- Letters without details have their first reason.
    select
        date(failed_at) as quality_date,
        source,
        app,
        'rejected' as outcome,
        reason as rule,
        cast(null as string) as field,
        json_value(event, '$.vendor_id') as vendor_id,
        count(*) as records
    from letters
    where json_query_array(detail) is null or array_length(json_query_array(detail)) = 0
    group by quality_date, source, app, outcome, rule, field, vendor_id
),

events as (
    {%- for family in ['order', 'interaction', 'catalog', 'customer'] %}
    select
        occurred_at,
        {{ 'cast(null as string)' if family == 'customer' else 'vendor_id' }} as vendor_id,
        quality_flags
    from {{ ref('stg_' ~ family ~ '_events') }}
    where {{ since_lookback('occurred_at') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

flagged as (
    select
        date(events.occurred_at) as quality_date,
        'stream' as source,
        'validator' as app,
        if(starts_with(rule, 'drift.'), 'repaired', 'flagged') as outcome,
        rule,
        cast(null as string) as field,
        events.vendor_id,
        count(*) as records
    from events
    cross join unnest(events.quality_flags) as rule
    group by quality_date, source, app, outcome, rule, field, vendor_id
),

all_rows as (
    select * from rejected
    union all
    select * from flagged
)

select
    to_hex(md5(to_json_string(
        [cast(quality_date as string), source, app, outcome, rule, coalesce(field, ''), coalesce(vendor_id, '')]
    ))) as quality_id,
    quality_date,
    source,
    app,
    outcome,
    rule,
    field,
    vendor_id,
    records
from all_rows

-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'pipeline_runs') }}
)

select
    run_id,
    pipeline,
    event,
    block,
    attempt,
    state,
    range_from,
    range_to,
    scheduled_at,
    rows_in,
    rows_out,
    rows_rejected,
    rejected_by_rule,
    started_at,
    ended_at,
    recorded_at,
    error
from source

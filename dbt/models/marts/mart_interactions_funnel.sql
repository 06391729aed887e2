{{
    config(
        materialized='incremental',
        incremental_strategy='insert_overwrite',
        partition_by={'field': 'session_date', 'data_type': 'date', 'granularity': 'day'},
        on_schema_change='fail'
    )
}}

with steps as (
    select * from unnest([
        struct(1 as step_number, 'session.started' as step),
        struct(2 as step_number, 'product.viewed' as step),
        struct(3 as step_number, 'cart.item_added' as step),
        struct(4 as step_number, 'checkout.started' as step)
    ])
),

-- One day more than the look-back, for sessions that began on the day before its first day.
events as (
    select
        session_id,
        event_type,
        occurred_at
    from {{ ref('stg_interaction_events') }}
    where {{ since_lookback('occurred_at', days_before=1) }}
),

sessions as (
    select
        events.session_id,
        date(min(events.occurred_at)) as session_date,
        max(coalesce(steps.step_number, 1)) as furthest_step
    from events
    left join steps on events.event_type = steps.step
    group by events.session_id
),

reached as (
    select
        sessions.session_date,
        steps.step_number,
        steps.step,
        countif(sessions.furthest_step >= steps.step_number) as sessions,
        count(*) as all_sessions
    from sessions
    cross join steps
    where {{ since_lookback('timestamp(sessions.session_date)') }}
    group by sessions.session_date, steps.step_number, steps.step
)

select
    session_date,
    step_number,
    step,
    sessions,
    cast(safe_divide(sessions, all_sessions) as numeric) as share_of_sessions
from reached

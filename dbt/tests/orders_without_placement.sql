{{ config(severity='warn') }}
{%- set recent = "timestamp(date_sub(current_date(), interval " ~ var('tested_days') ~ " day))" %}

with placed as (
    select distinct order_id
    from {{ ref('int_orders_placed') }}
    where order_placed_at >= {{ recent }} and occurred_at >= {{ recent }}
)

select distinct events.order_id
from {{ ref('stg_order_events') }} as events
left join placed on events.order_id = placed.order_id
where
    events.order_placed_at >= {{ recent }}
    and events.occurred_at >= {{ recent }}
    and placed.order_id is null

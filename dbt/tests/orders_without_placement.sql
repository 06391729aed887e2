{{ config(severity='warn') }}
{%- set recent = "timestamp(date_sub(current_date(), interval " ~ var('tested_days') ~ " day))" %}

select distinct events.order_id
from {{ ref('stg_order_events') }} as events
where
    events.order_placed_at >= {{ recent }}
    and events.occurred_at >= {{ recent }}
    and events.order_id not in (
        select placed.order_id
        from {{ ref('int_orders_placed') }} as placed
        where placed.order_placed_at >= {{ recent }} and placed.occurred_at >= {{ recent }}
    )

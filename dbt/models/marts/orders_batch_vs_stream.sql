{{ config(materialized='table') }}

with placements as (
    select *
    from {{ ref('int_orders_placed') }}
    where
        order_placed_at >= timestamp(date_sub(current_date(), interval {{ var('comparison_days') | int }} day))
        and occurred_at >= timestamp(date_sub(current_date(), interval {{ var('comparison_days') | int }} day))
        and order_placed_at < {{ compared_until() }}
    qualify
        row_number() over (
            partition by path, order_id order by occurred_at, kafka_partition, kafka_offset
        ) = 1
),

-- Of a day that one path covers only in part, the part that both cover.
ranges as (
    select
        date(order_placed_at) as order_date,
        path,
        min(order_placed_at) as first_at,
        max(order_placed_at) as last_at
    from placements
    group by order_date, path
),

covered as (
    select
        streamed.order_date,
        greatest(streamed.first_at, batch.first_at) as first_at,
        least(streamed.last_at, batch.last_at) as last_at
    from ranges as streamed
    inner join ranges as batch on streamed.order_date = batch.order_date
    where streamed.path = 'stream' and batch.path = 'batch'
),

compared as (
    select placements.*
    from placements
    inner join covered on date(placements.order_placed_at) = covered.order_date
    where placements.order_placed_at between covered.first_at and covered.last_at
),

streamed_orders as (
    select * from compared
    where path = 'stream'
),

batch_orders as (
    select * from compared
    where path = 'batch'
),

pairs as (
    select
        coalesce(streamed.order_id, batch.order_id) as order_id,
        date(coalesce(streamed.order_placed_at, batch.order_placed_at)) as order_date,
        case
            when batch.order_id is null then 'only_in_stream'
            when streamed.order_id is null then 'only_in_batch'
            else 'same_order'
        end as presence,
        coalesce(array_to_string(
            [
                {%- for column in [
                    'order_placed_at', 'vendor_id', 'vendor_name', 'vendor_address', 'vendor_vertical', 'customer_id',
                    'customer_registered_at', 'item_sku', 'item_name', 'item_price', 'item_quantity'
                ] %}
                if(streamed.{{ column }} is distinct from batch.{{ column }}, '{{ column }}', null)
                {{- ',' if not loop.last }}
                {%- endfor %}
            ],
            ','
        ), '') as differing_fields,
        streamed.item_price * streamed.item_quantity as stream_value,
        batch.item_price * batch.item_quantity as batch_value
    from streamed_orders as streamed
    full join batch_orders as batch on streamed.order_id = batch.order_id
)

select
    order_id,
    order_date,
    case
        when presence != 'same_order' then presence
        when differing_fields = '' then 'none'
        else 'fields'
    end as difference,
    if(presence = 'same_order' and differing_fields != '', differing_fields, null) as differing_fields,
    stream_value,
    batch_value
from pairs

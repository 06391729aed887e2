-- The live views read the partitions of today and yesterday, whatever a dashboard asks for.
select
    event_id,
    order_id,
    order_placed_at,
    occurred_at,
    order_rating,
    vendor_id,
    vendor_name,
    vendor_vertical,
    item_price,
    item_quantity,
    item_price * item_quantity as order_value
from {{ ref('stg_order_events') }}
where
    event_type = 'order.placed'
    and occurred_at >= timestamp_sub(current_timestamp(), interval 24 hour)

select
    max(order_placed_at) as last_order_at,
    count(*) as orders,
    count(order_rating) as rated_orders,
    avg(order_rating) as average_rating,
    coalesce(sum(order_value), 0) as revenue
from {{ ref('live_orders') }}
where occurred_at >= timestamp_sub(current_timestamp(), interval 5 minute)

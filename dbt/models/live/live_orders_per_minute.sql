select
    timestamp_trunc(occurred_at, minute) as minute_at,
    count(*) as orders,
    sum(order_value) as revenue
from {{ ref('live_orders') }}
where occurred_at >= timestamp_sub(current_timestamp(), interval 60 minute)
group by minute_at

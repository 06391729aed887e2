select
    vendor_vertical,
    count(*) as orders,
    sum(order_value) as revenue
from {{ ref('live_orders') }}
where occurred_at >= timestamp_sub(current_timestamp(), interval 5 minute)
group by vendor_vertical

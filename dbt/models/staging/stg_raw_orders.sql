-- Generated from libs/contracts by `npm run generate`.
with source as (
    select * from {{ source('ecommerce_db', 'raw_orders') }}
)

select
    order_id,
    order_placed_at,
    order_rating,
    vendor_id,
    vendor_name,
    vendor_address,
    vendor_vertical,
    customer_id,
    customer_registered_at,
    item_sku,
    item_name,
    item_price,
    item_quantity
from source

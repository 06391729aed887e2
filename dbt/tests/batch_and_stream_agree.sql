with counted as (
    select
        count(*) as orders,
        countif(difference != 'none') as differing
    from {{ ref('orders_batch_vs_stream') }}
)

select *
from counted
where differing > orders * {{ var('max_differing_share') }}

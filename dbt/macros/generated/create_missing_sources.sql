{# Generated from libs/contracts by `npm run generate`. #}
{#
    Creates the source tables that no service has created yet, so that a warehouse without a batch, or without a stream, can
    be built. Only for the emulator: in BigQuery the services own their tables.
#}
{% macro create_missing_sources() %}
    {% if execute and target.name == 'local' %}
        {% do run_query('create schema if not exists `' ~ target.project ~ '`.' ~ target.schema) %}
        {% if not adapter.get_relation(target.project, target.schema, 'order_events') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.order_events (
                    event_id string not null options (description = "Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id."),
                    event_type string not null options (description = "Type of the event. Equals ce_type."),
                    occurred_at timestamp not null options (description = "When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day."),
                    order_id string not null options (description = "Id of the order."),
                    order_placed_at timestamp not null options (description = "When the order was placed. Not before customer_registered_at."),
                    customer_id string not null options (description = "Id of the customer who placed the order. The record key."),
                    order_rating int64 options (description = "Rating of the order from 1 (worst) to 5, if it is known."),
                    vendor_id string options (description = "Id of the vendor who sells the item."),
                    vendor_name string options (description = "The vendor's name."),
                    vendor_address string options (description = "The vendor's postal address."),
                    vendor_vertical string options (description = "Line of goods of the vendor."),
                    customer_registered_at timestamp options (description = "When the customer registered."),
                    item_sku string options (description = "Id of the item."),
                    item_name string options (description = "The item's name."),
                    item_price numeric options (description = "Price of one piece of the item."),
                    item_quantity int64 options (description = "Number of pieces."),
                    payment_id string options (description = "Id of the payment at the payment provider."),
                    payment_method string options (description = "Payment method."),
                    payment_amount numeric options (description = "Amount paid."),
                    carrier string options (description = "Name of the carrier."),
                    tracking_id string options (description = "Tracking number of the carrier."),
                    delivery_attempt int64 options (description = "Number of the delivery attempt that succeeded, from 1."),
                    cancelled_by string options (description = "Who cancelled the order."),
                    cancel_reason string options (description = "Reason for the cancellation."),
                    return_reason string options (description = "Reason for the return."),
                    returned_quantity int64 options (description = "Number of pieces returned."),
                    refund_amount numeric options (description = "Amount refunded."),
                    event_source string not null options (description = "Producer of the event: ce_source. (event_source, event_id) identifies the event."),
                    quality_flags array<string> options (description = "Codes of the quality rules that flagged or repaired the event."),
                    trace_id string options (description = "Trace id (32 hex digits) of the record's traceparent."),
                    _kafka_topic string not null options (description = "Validated topic of the record."),
                    _kafka_partition int64 not null options (description = "Partition of the record."),
                    _kafka_offset int64 not null options (description = "Offset of the record. Topic, partition and offset identify the row."),
                    _kafka_timestamp timestamp not null options (description = "Append time of the raw record."),
                    _retry_partition int64 options (description = "Partition in the retry topic. Null unless the row was replayed from there."),
                    _retry_offset int64 options (description = "Offset in the retry topic. Null unless the row was replayed from there.")
                )
                partition by date(occurred_at)
                cluster by _kafka_partition, _kafka_offset
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'interaction_events') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.interaction_events (
                    event_id string not null options (description = "Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id."),
                    event_type string not null options (description = "Type of the event. Equals ce_type."),
                    occurred_at timestamp not null options (description = "When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day."),
                    session_id string not null options (description = "Id of the session."),
                    customer_id string not null options (description = "Id of the customer. The record key."),
                    device string options (description = "Device of the session."),
                    channel string options (description = "Channel through which the customer arrived."),
                    visit_country string options (description = "Country of the session, if it is known."),
                    item_sku string options (description = "Id of the item."),
                    vendor_id string options (description = "Id of the vendor who sells the item."),
                    search_terms string options (description = "Search terms that the customer entered."),
                    search_vertical string options (description = "Line of goods that the search was limited to, if any."),
                    result_count int64 options (description = "Number of items found."),
                    item_quantity int64 options (description = "Number of pieces added or removed."),
                    item_price numeric options (description = "Price of one piece that the customer saw."),
                    cart_items int64 options (description = "Number of different items in the cart."),
                    cart_value numeric options (description = "Total price of the cart."),
                    review_rating int64 options (description = "Rating of the item from 1 (worst) to 5."),
                    review_text string options (description = "Text of the review."),
                    event_source string not null options (description = "Producer of the event: ce_source. (event_source, event_id) identifies the event."),
                    quality_flags array<string> options (description = "Codes of the quality rules that flagged or repaired the event."),
                    trace_id string options (description = "Trace id (32 hex digits) of the record's traceparent."),
                    _kafka_topic string not null options (description = "Validated topic of the record."),
                    _kafka_partition int64 not null options (description = "Partition of the record."),
                    _kafka_offset int64 not null options (description = "Offset of the record. Topic, partition and offset identify the row."),
                    _kafka_timestamp timestamp not null options (description = "Append time of the raw record."),
                    _retry_partition int64 options (description = "Partition in the retry topic. Null unless the row was replayed from there."),
                    _retry_offset int64 options (description = "Offset in the retry topic. Null unless the row was replayed from there.")
                )
                partition by date(occurred_at)
                cluster by _kafka_partition, _kafka_offset
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'catalog_events') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.catalog_events (
                    event_id string not null options (description = "Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id."),
                    event_type string not null options (description = "Type of the event. Equals ce_type."),
                    occurred_at timestamp not null options (description = "When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day."),
                    vendor_id string not null options (description = "Id of the vendor. The record key of vendor events."),
                    vendor_name string options (description = "The vendor's name."),
                    vendor_address string options (description = "The vendor's postal address."),
                    vendor_vertical string options (description = "Line of goods of the vendor."),
                    item_sku string options (description = "Id of the item. The record key of product events."),
                    item_name string options (description = "The item's name."),
                    item_price numeric options (description = "Price of one piece of the item."),
                    previous_item_price numeric options (description = "Price of one piece before the change, if it is known."),
                    event_source string not null options (description = "Producer of the event: ce_source. (event_source, event_id) identifies the event."),
                    quality_flags array<string> options (description = "Codes of the quality rules that flagged or repaired the event."),
                    trace_id string options (description = "Trace id (32 hex digits) of the record's traceparent."),
                    _kafka_topic string not null options (description = "Validated topic of the record."),
                    _kafka_partition int64 not null options (description = "Partition of the record."),
                    _kafka_offset int64 not null options (description = "Offset of the record. Topic, partition and offset identify the row."),
                    _kafka_timestamp timestamp not null options (description = "Append time of the raw record."),
                    _retry_partition int64 options (description = "Partition in the retry topic. Null unless the row was replayed from there."),
                    _retry_offset int64 options (description = "Offset in the retry topic. Null unless the row was replayed from there.")
                )
                partition by date(occurred_at)
                cluster by _kafka_partition, _kafka_offset
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'customer_events') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.customer_events (
                    event_id string not null options (description = "Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id."),
                    event_type string not null options (description = "Type of the event. Equals ce_type."),
                    occurred_at timestamp not null options (description = "When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day."),
                    customer_id string not null options (description = "Id of the customer. The record key."),
                    customer_registered_at timestamp not null options (description = "When the customer registered."),
                    customer_name string options (description = "The customer's name."),
                    customer_email string options (description = "The customer's e-mail address."),
                    customer_country string not null options (description = "Country of residence."),
                    marketing_consent bool not null options (description = "Whether the customer agreed to receive marketing messages."),
                    event_source string not null options (description = "Producer of the event: ce_source. (event_source, event_id) identifies the event."),
                    quality_flags array<string> options (description = "Codes of the quality rules that flagged or repaired the event."),
                    trace_id string options (description = "Trace id (32 hex digits) of the record's traceparent."),
                    _kafka_topic string not null options (description = "Validated topic of the record."),
                    _kafka_partition int64 not null options (description = "Partition of the record."),
                    _kafka_offset int64 not null options (description = "Offset of the record. Topic, partition and offset identify the row."),
                    _kafka_timestamp timestamp not null options (description = "Append time of the raw record."),
                    _retry_partition int64 options (description = "Partition in the retry topic. Null unless the row was replayed from there."),
                    _retry_offset int64 options (description = "Offset in the retry topic. Null unless the row was replayed from there.")
                )
                partition by date(occurred_at)
                cluster by _kafka_partition, _kafka_offset
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'dead_letters') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.dead_letters (
                    source string not null options (description = "Path that rejected the record: stream or batch."),
                    app string not null options (description = "Service that wrote the dead letter: dlq-app."),
                    reason string not null options (description = "Code of the first rule that rejected the record: dlq-reason; dead_letter.unreadable if the record is no dead letter."),
                    fingerprint string not null options (description = "Groups similar failures: 16 hex digits of a hash over app, reason and field path."),
                    detail string options (description = "All reasons as JSON [{code, path, constraint}]: dlq-detail."),
                    source_topic string options (description = "Topic of the rejected record. Null for batch."),
                    source_partition int64 options (description = "Partition of the rejected record. Null for batch."),
                    source_offset int64 options (description = "Offset of the rejected record. Null for batch."),
                    source_timestamp timestamp options (description = "Append time of the rejected record. Null for batch."),
                    batch_run_id string options (description = "Batch run that rejected the row. Null for stream."),
                    batch_row int64 options (description = "Number of the row in the run, from 0; of a CSV or JSON lines file, its line, from 1. Null for stream."),
                    attempt int64 not null options (description = "How many times the record has been rejected, from 1."),
                    failed_at timestamp not null options (description = "When the record was rejected this time: dlq-failed-at. The time at which the row was written, if BigQuery takes no streamed row of that day; headers has the original then."),
                    first_failed_at timestamp not null options (description = "When the record was rejected for the first time."),
                    event_id string options (description = "ce_id. Null if the record has none."),
                    event_type string options (description = "ce_type. Null if the record has none."),
                    event_source string options (description = "ce_source. Null if the record has none."),
                    trace_id string options (description = "Trace id (32 hex digits) of the record's traceparent."),
                    record_key string options (description = "Unchanged key, if it is UTF-8. Null if the record has none."),
                    record_key_bytes bytes options (description = "Unchanged key, if it is not UTF-8."),
                    body string options (description = "Unchanged value, if it is UTF-8. Null for a tombstone."),
                    body_bytes bytes options (description = "Unchanged value, if it is not UTF-8."),
                    headers string options (description = "Headers in order, as JSON [{name, value}], or {name, base64} for a value that is not UTF-8. Without dlq-*, unless a column does not have what they say."),
                    cut string options (description = "What is not whole, as JSON {name: original bytes}, where the name is value, headers or key. Null if the record is complete."),
                    _kafka_topic string options (description = "Dead-letter topic. Null for batch."),
                    _kafka_partition int64 options (description = "Partition of the dead letter. Null for batch."),
                    _kafka_offset int64 options (description = "Offset of the dead letter. Null for batch."),
                    _kafka_timestamp timestamp options (description = "Timestamp of the dead letter. Null for batch.")
                )
                partition by date(failed_at)
                cluster by _kafka_partition, _kafka_offset
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'streaming_orders') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.streaming_orders (
                    event_id string options (description = "Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id."),
                    event_type string options (description = "Type of the event. Equals ce_type."),
                    occurred_at timestamp options (description = "When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day."),
                    order_id string options (description = "Id of the order."),
                    order_placed_at timestamp options (description = "When the order was placed. Not before customer_registered_at."),
                    customer_id string options (description = "Id of the customer who placed the order. The record key."),
                    order_rating int64 options (description = "Rating of the order from 1 (worst) to 5, if it is known."),
                    vendor_id string options (description = "Id of the vendor who sells the item."),
                    vendor_name string options (description = "The vendor's name."),
                    vendor_address string options (description = "The vendor's postal address."),
                    vendor_vertical string options (description = "Line of goods of the vendor."),
                    customer_registered_at timestamp options (description = "When the customer registered."),
                    item_sku string options (description = "Id of the item."),
                    item_name string options (description = "The item's name."),
                    item_price numeric options (description = "Price of one piece of the item."),
                    item_quantity int64 options (description = "Number of pieces."),
                    payment_id string options (description = "Id of the payment at the payment provider."),
                    payment_method string options (description = "Payment method."),
                    payment_amount numeric options (description = "Amount paid."),
                    carrier string options (description = "Name of the carrier."),
                    tracking_id string options (description = "Tracking number of the carrier."),
                    delivery_attempt int64 options (description = "Number of the delivery attempt that succeeded, from 1."),
                    cancelled_by string options (description = "Who cancelled the order."),
                    cancel_reason string options (description = "Reason for the cancellation."),
                    return_reason string options (description = "Reason for the return."),
                    returned_quantity int64 options (description = "Number of pieces returned."),
                    refund_amount numeric options (description = "Amount refunded."),
                    subscription_name string options (description = "Subscription that wrote the row."),
                    message_id string options (description = "Id of the message in its Pub/Sub topic. The same for every delivery of the message."),
                    publish_time timestamp options (description = "When the message was published."),
                    attributes string options (description = "Attributes of the message as a JSON object. kafka_topic, kafka_partition and kafka_offset identify the record.")
                )
                partition by date(occurred_at)
                cluster by event_type, order_id
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'raw_orders') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.raw_orders (
                    order_id string not null options (description = "Id of the order."),
                    order_placed_at timestamp not null options (description = "When the order was placed. Not before customer_registered_at."),
                    order_rating int64 options (description = "Rating of the order from 1 (worst) to 5, if it is known."),
                    vendor_id string not null options (description = "Id of the vendor who sells the item."),
                    vendor_name string not null options (description = "The vendor's name."),
                    vendor_address string not null options (description = "The vendor's postal address."),
                    vendor_vertical string not null options (description = "Line of goods of the vendor."),
                    customer_id string not null options (description = "Id of the customer who placed the order. The record key."),
                    customer_registered_at timestamp not null options (description = "When the customer registered."),
                    item_sku string not null options (description = "Id of the item."),
                    item_name string not null options (description = "The item's name."),
                    item_price numeric not null options (description = "Price of one piece of the item."),
                    item_quantity int64 not null options (description = "Number of pieces.")
                )
                partition by date(order_placed_at)
                cluster by vendor_id, customer_id
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
        {% if not adapter.get_relation(target.project, target.schema, 'pipeline_runs') %}
            {% set ddl %}
                create table if not exists `{{ target.project }}`.{{ target.schema }}.pipeline_runs (
                    run_id string not null options (description = "Run: pipeline, scheduled time and range."),
                    pipeline string not null options (description = "Pipeline, such as load_batch_to_bq."),
                    event int64 not null options (description = "Number of the event in its run, from 0."),
                    block string options (description = "Block. Null for an event of the whole run."),
                    attempt int64 options (description = "Attempt of the block, from 1. Null for an event of the whole run."),
                    state string not null options (description = "State that begins with the event: running, succeeded, failed or cancelled."),
                    range_from timestamp not null options (description = "Start of the range of order_placed_at that the run replaces."),
                    range_to timestamp not null options (description = "End of the range, exclusive."),
                    scheduled_at timestamp not null options (description = "Time for which the run was scheduled."),
                    rows_in int64 options (description = "Rows that the block read."),
                    rows_out int64 options (description = "Rows that the block wrote."),
                    rows_rejected int64 options (description = "Rows that the block rejected."),
                    rejected_by_rule string options (description = "JSON object: rejected rows by the first rule that rejected them."),
                    started_at timestamp not null options (description = "When the attempt or the run started."),
                    ended_at timestamp options (description = "When the attempt or the run ended. Null for running."),
                    recorded_at timestamp not null options (description = "When the event happened."),
                    error string options (description = "Code and message of the error. Null unless the state is failed.")
                )
                partition by date(recorded_at)
                cluster by pipeline, run_id
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}
    {% endif %}
{% endmacro %}

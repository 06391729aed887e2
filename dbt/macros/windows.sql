{# The first day of the look-back, as an expression of type DATE. #}
{% macro lookback_start() -%}
    date_sub(current_date(), interval {{ var('lookback_days') | int }} day)
{%- endmacro %}

{#
    A bound on the partition column of a source: the look-back in an incremental run, and else the first day that BigQuery
    partitions. Tables may require such a filter, and BigQuery reads only the partitions within it.
#}
{% macro since_lookback(column, days_before=0) -%}
    {%- if is_incremental() -%}
        {{ column }} >= timestamp(date_sub({{ lookback_start() }}, interval {{ days_before }} day))
    {%- else -%}
        {{ all_partitions(column) }}
    {%- endif -%}
{%- endmacro %}

{% macro all_partitions(column) -%}
    {{ column }} >= timestamp('1960-01-01')
{%- endmacro %}

{#
    The days that this run rebuilds, as literals, so that BigQuery reads only their partitions. None in a full run. The
    list is int_days_to_build, which the run has built before.
#}
{% macro days_to_build() -%}
    {%- if not (execute and is_incremental()) -%}{{ return(none) }}{%- endif -%}
    {%- set rows = run_query('select distinct order_date from ' ~ ref('int_days_to_build') ~ ' order by order_date') -%}
    {%- set days = [] -%}
    {%- for row in rows -%}{%- do days.append("date '" ~ row[0] ~ "'") -%}{%- endfor -%}
    {{ return(days) }}
{%- endmacro %}

{# The variables from and to: a range of days, both included, or none. One of them alone is an error. #}
{% macro requested_days() -%}
    {%- set from, to = var('from'), var('to') -%}
    {%- if not from and not to -%}{{ return(none) }}{%- endif -%}
    {%- if not from or not to or from | string > to | string -%}
        {%- do exceptions.raise_compiler_error(
            "The variables from and to are the first and the last day of a range, such as {from: 2026-01-01, to: 2026-01-31}."
            ~ " Given: from " ~ from ~ ", to " ~ to
        ) -%}
    {%- endif -%}
    {{ return({'from': from, 'to': to}) }}
{%- endmacro %}

{#
    Limits a query to the orders placed on the given days. With days = none there is no limit, except the one that a table
    may require.
#}
{% macro placed_on(days, column) -%}
    {%- if days is none -%}
        {{ all_partitions(column) }}
    {%- elif days | length == 0 -%}
        {{ column }} >= timestamp(date_add(current_date(), interval 1 day)) and false
    {%- else -%}
        date({{ column }}) in ({{ days | join(', ') }})
    {%- endif -%}
{%- endmacro %}

{# Events of orders placed on the given days: none occurred before the first of them. #}
{% macro occurred_since(days, column) -%}
    {%- if days is none or days | length == 0 -%}
        {{ all_partitions(column) }}
    {%- else -%}
        {{ column }} >= timestamp({{ days[0] }})
    {%- endif -%}
{%- endmacro %}

{# The same for a column of type DATE. #}
{% macro on_days(days, column) -%}
    {%- if days is none -%}
        {{ column }} >= date '1960-01-01'
    {%- elif days | length == 0 -%}
        {{ column }} > current_date() and false
    {%- else -%}
        {{ column }} in ({{ days | join(', ') }})
    {%- endif -%}
{%- endmacro %}

{#
    The rows of an incremental model before this run: its table, or none in a full run. A unit test overrides it with rows of
    its own: with `input: this` it would need the table, which a new warehouse does not have.
#}
{% macro rows_before() -%}
    {{ return(this if is_incremental() else none) }}
{%- endmacro %}

{# Batch and stream are compared up to this time: an order may reach the stream as late. #}
{% macro compared_until() -%}
    timestamp_sub(current_timestamp(), interval {{ var('comparison_delay_hours') | int }} hour)
{%- endmacro %}

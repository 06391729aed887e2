import type { Column, ColumnMode } from './columns';
import { EVENT_CONTRACTS } from './event-contracts';
import type { TableSpec } from './table-spec';

const column = (name: string, type: Column['type'], mode: ColumnMode, description: string): Column => ({
  name,
  type,
  mode,
  description,
  personal: false,
});

/** The 13 columns of an order, in the order of the original data set. */
export const RAW_ORDER_COLUMNS = [
  'order_id',
  'order_placed_at',
  'order_rating',
  'vendor_id',
  'vendor_name',
  'vendor_address',
  'vendor_vertical',
  'customer_id',
  'customer_registered_at',
  'item_sku',
  'item_name',
  'item_price',
  'item_quantity',
] as const;
export type RawOrderColumn = (typeof RAW_ORDER_COLUMNS)[number];

/** A column of order.placed, as the batch writes it. */
function orderColumn(name: RawOrderColumn): Column {
  const found = EVENT_CONTRACTS.get('order.placed')?.columns.find((each) => each.name === name);
  if (found === undefined) throw new TypeError(`order.placed has no column ${name}`);
  const { type, mode, description, personal } = found;
  return { name, type, mode, description, personal };
}

/** The orders that the batch loads. */
export const RAW_ORDERS: TableSpec = {
  table: 'raw_orders',
  columns: RAW_ORDER_COLUMNS.map(orderColumn),
  partitionField: 'order_placed_at',
  clustering: ['vendor_id', 'customer_id'],
  description:
    'One row per order that the batch loaded. A run replaces exactly the days of its range, all of them at once.',
};

/** The history of the batch runs. */
export const PIPELINE_RUNS: TableSpec = {
  table: 'pipeline_runs',
  columns: [
    column('run_id', 'STRING', 'REQUIRED', 'Run: pipeline, scheduled time and range.'),
    column('pipeline', 'STRING', 'REQUIRED', 'Pipeline, such as load_batch_to_bq.'),
    column('event', 'INT64', 'REQUIRED', 'Number of the event in its run, from 0.'),
    column('block', 'STRING', 'NULLABLE', 'Block. Null for an event of the whole run.'),
    column('attempt', 'INT64', 'NULLABLE', 'Attempt of the block, from 1. Null for an event of the whole run.'),
    column('state', 'STRING', 'REQUIRED', 'State that begins with the event: running, succeeded, failed or cancelled.'),
    column('range_from', 'TIMESTAMP', 'REQUIRED', 'Start of the range of order_placed_at that the run replaces.'),
    column('range_to', 'TIMESTAMP', 'REQUIRED', 'End of the range, exclusive.'),
    column('scheduled_at', 'TIMESTAMP', 'REQUIRED', 'Time for which the run was scheduled.'),
    column('rows_in', 'INT64', 'NULLABLE', 'Rows that the block read.'),
    column('rows_out', 'INT64', 'NULLABLE', 'Rows that the block wrote.'),
    column('rows_rejected', 'INT64', 'NULLABLE', 'Rows that the block rejected.'),
    column(
      'rejected_by_rule',
      'STRING',
      'NULLABLE',
      'JSON object: rejected rows by the first rule that rejected them.',
    ),
    column('started_at', 'TIMESTAMP', 'REQUIRED', 'When the attempt or the run started.'),
    column('ended_at', 'TIMESTAMP', 'NULLABLE', 'When the attempt or the run ended. Null for running.'),
    column('recorded_at', 'TIMESTAMP', 'REQUIRED', 'When the event happened.'),
    column('error', 'STRING', 'NULLABLE', 'Code and message of the error. Null unless the state is failed.'),
  ],
  partitionField: 'recorded_at',
  clustering: ['pipeline', 'run_id'],
  description:
    'One row per event of a batch run: a block attempt or the whole run begins, succeeds, fails or is cancelled. ' +
    '(run_id, event) identifies the row.',
};

import { type BigQuery } from '@google-cloud/bigquery';
import { rawTopic } from '@orderstream/contracts';
import { createKafka, fetchEndOffsets, readPartition } from '@orderstream/kafka';

/** What `raw_orders` holds. */
export interface RawOrders {
  readonly rows: number;
  readonly distinctIds: number;
  readonly firstDay: string | null;
  readonly lastDay: string | null;
  /** Over all ids and values. */
  readonly checksum: string;
}

export async function rawOrders(bigquery: BigQuery, dataset: string): Promise<RawOrders> {
  const query = `select
    cast(count(*) as string) as order_count,
    cast(count(distinct order_id) as string) as distinct_ids,
    cast(min(date(order_placed_at)) as string) as first_day,
    cast(max(date(order_placed_at)) as string) as last_day,
    coalesce(cast(sum(cast(concat('0x', substr(order_id, 1, 8)) as int64) * item_quantity) as string), '0') as checksum
  from ${dataset}.raw_orders`;
  const [rows] = await bigquery.query({ query, useQueryCache: false });
  const [row = {}] = rows as Record<string, string | null>[];
  return {
    rows: Number(row.order_count),
    distinctIds: Number(row.distinct_ids),
    firstDay: row.first_day ?? null,
    lastDay: row.last_day ?? null,
    checksum: row.checksum ?? '',
  };
}

/** A block of a batch run, by `pipeline_runs`. */
export interface RecordedBlock {
  readonly runId: string;
  readonly block: string;
  readonly attempt: number;
  readonly state: string;
  readonly rowsOut: number;
}

/** The blocks that have ended, in their order. */
export async function recordedBlocks(bigquery: BigQuery, dataset: string): Promise<readonly RecordedBlock[]> {
  const query = `select run_id, block, attempt, state, rows_out
    from ${dataset}.pipeline_runs where block is not null and state != 'running' order by recorded_at, event`;
  const [rows] = await bigquery.query({ query, useQueryCache: false });
  return (rows as Record<string, unknown>[]).map((row) => ({
    runId: String(row.run_id),
    block: String(row.block),
    attempt: Number(row.attempt),
    state: String(row.state),
    rowsOut: Number(row.rows_out),
  }));
}

/** An order.placed event of the topic. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly placedMs: number;
}

/** The orders in the raw topic, by time. Another event is an error. */
export async function placedOrders(brokers: string): Promise<readonly PlacedOrder[]> {
  const topic = rawTopic('orders');
  const kafka = createKafka({ brokers: [brokers], clientId: 'test-mage' });
  const orders: PlacedOrder[] = [];
  for (const [partition] of (await fetchEndOffsets(kafka, topic)).entries()) {
    await readPartition(kafka, { topic, partition, from: 'beginning', until: 'end' }, ({ records }) => {
      for (const { value } of records) {
        const body = JSON.parse(value?.toString() ?? 'null') as Record<string, string>;
        if (body.event_type !== 'order.placed') throw new Error(`${topic} has a record ${String(body.event_type)}`);
        orders.push({ orderId: body.order_id ?? '', placedMs: Date.parse(body.order_placed_at ?? '') });
      }
    });
  }
  return orders.sort((a, b) => a.placedMs - b.placedMs);
}

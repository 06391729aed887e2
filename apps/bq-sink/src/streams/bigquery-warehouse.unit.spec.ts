import type { BigQuery } from '@google-cloud/bigquery';
import type { WriteStreams } from '@orderstream/bigquery';

import { BigQueryWarehouse } from './bigquery-warehouse';
import { RowMapper } from './row-mapper';
import type { TableRows } from './warehouse';

const ROWS = { partition: 3, partitionField: 'occurred_at' } as const;

/** The query for the last row from offset 17 on. */
async function lastRowQuery(table: string, rows: TableRows): Promise<{ query: string; params: object }> {
  const query = jest.fn().mockResolvedValue([[{ last: 41 }]]);
  const warehouse = new BigQueryWarehouse({
    bigquery: { query } as unknown as BigQuery,
    streams: {} as WriteStreams,
    table: { project: 'p', dataset: 'd', table },
    rows,
    mapper: new RowMapper('orders'),
    appendTimeoutMs: 1,
    maxInFlight: 1,
  });
  expect(await warehouse.lastOffset(17)).toBe(41);
  const [[job]] = query.mock.calls as [[{ query: string; params: object; useQueryCache: boolean; labels: object }]];
  expect(job).toMatchObject({ useQueryCache: false, labels: { app: 'bq-sink', purpose: 'recovery' } });
  return { query: job.query.replaceAll(/\s+/g, ' '), params: job.params };
}

const within = (field: string): string =>
  `${field} BETWEEN TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1826 DAY) AND ` +
  'TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 367 DAY)';

describe('the query for the last row', () => {
  it('is uncached and labelled, and has a predicate on the partitioning column that covers every streamed row', async () => {
    expect(await lastRowQuery('order_events', { kind: 'own', topic: 't', ...ROWS })).toEqual({
      params: { topic: 't', partition: 3, from: 17 },
      query:
        `SELECT MAX(_kafka_offset) AS last FROM \`p.d.order_events\` WHERE ${within('occurred_at')} AND _kafka_topic = ` +
        '@topic AND _kafka_partition = @partition AND _retry_partition IS NULL AND _kafka_offset >= @from',
    });
  });

  it('counts the rows of a retry topic by their offsets in that topic', async () => {
    expect(await lastRowQuery('order_events', { kind: 'retried', topic: 'source', ...ROWS })).toEqual({
      params: { topic: 'source', partition: 3, from: 17 },
      query:
        `SELECT MAX(_retry_offset) AS last FROM \`p.d.order_events\` WHERE ${within('occurred_at')} AND _kafka_topic = ` +
        '@topic AND _retry_partition = @partition AND _retry_offset >= @from',
    });
  });

  it('counts the rows of dead letters by the day of the failure', async () => {
    const rows: TableRows = { kind: 'letters', topic: 'dlq', ...ROWS, partitionField: 'failed_at' };
    expect((await lastRowQuery('dead_letters', rows)).query).toBe(
      `SELECT MAX(_kafka_offset) AS last FROM \`p.d.dead_letters\` WHERE ${within('failed_at')} AND _kafka_topic = ` +
        '@topic AND _kafka_partition = @partition AND _kafka_offset >= @from',
    );
  });
});

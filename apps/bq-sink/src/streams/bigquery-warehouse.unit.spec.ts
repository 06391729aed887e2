import type { BigQuery } from '@google-cloud/bigquery';
import type { WriteStreams } from '@orderstream/bigquery';

import { BigQueryWarehouse } from './bigquery-warehouse';
import { RowMapper } from './row-mapper';

describe('the query for the last row', () => {
  it('is uncached and labelled, and has a predicate on the partitioning column that covers every streamed row', async () => {
    const query = jest.fn().mockResolvedValue([[{ last: 41 }]]);
    const warehouse = new BigQueryWarehouse({
      bigquery: { query } as unknown as BigQuery,
      streams: {} as WriteStreams,
      table: { project: 'p', dataset: 'd', table: 'order_events' },
      partition: { topic: 't', partition: 3 },
      mapper: new RowMapper('orders'),
      appendTimeoutMs: 1,
      maxInFlight: 1,
    });
    expect(await warehouse.lastOffset(17)).toBe(41);
    const [[job]] = query.mock.calls as [[{ query: string; params: object; useQueryCache: boolean; labels: object }]];
    expect(job).toMatchObject({
      params: { topic: 't', partition: 3, from: 17 },
      useQueryCache: false,
      labels: { app: 'bq-sink', purpose: 'recovery' },
    });
    expect(job.query.replaceAll(/\s+/g, ' ')).toBe(
      'SELECT MAX(_kafka_offset) AS last FROM `p.d.order_events` WHERE occurred_at BETWEEN ' +
        'TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1826 DAY) AND TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 367 DAY) ' +
        'AND _kafka_topic = @topic AND _kafka_partition = @partition AND _retry_partition IS NULL AND _kafka_offset >= @from',
    );
  });
});

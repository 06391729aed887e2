import type { BigQuery } from '@google-cloud/bigquery';

import { withDeadline } from './deadline';

/** A query of one Kafka partition's rows takes seconds. */
const QUERY_DEADLINE_MS = 60_000;

export interface QueryOptions {
  readonly deadlineMs?: number;
  /** Labels of the job. */
  readonly labels?: Readonly<Record<string, string>>;
}

export type QueryRow = Readonly<Record<string, unknown>>;

/**
 * Runs a query that sees all rows acknowledged before it: BigQuery does not answer it from the result cache.
 * @throws BigQueryCallError (retriable) at the deadline; before it, the client's error
 */
export async function queryFresh(
  bigquery: BigQuery,
  query: string,
  params: Readonly<Record<string, string | number | readonly number[]>> = {},
  { deadlineMs = QUERY_DEADLINE_MS, labels = {} }: QueryOptions = {},
): Promise<readonly QueryRow[]> {
  const [rows] = await withDeadline(deadlineMs, { code: 'QUERY_FAILED', what: 'a query' }, () =>
    bigquery.query({ query, params: { ...params }, useQueryCache: false, labels: { ...labels } }),
  );
  return rows as QueryRow[];
}

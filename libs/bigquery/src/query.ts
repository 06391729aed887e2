import type { BigQuery } from '@google-cloud/bigquery';

import { within } from './deadline';

/** A query of one partition's rows takes seconds. */
const QUERY_DEADLINE_MS = 60_000;

export type QueryRow = Readonly<Record<string, unknown>>;

/**
 * Runs a query that must see every row that was acknowledged before: never answered from BigQuery's result cache.
 * @throws BigQueryCallError (retriable) when it has not ended after `deadlineMs`; the client's error when it fails
 */
export async function queryFresh(
  bigquery: BigQuery,
  query: string,
  params: Readonly<Record<string, string | number | readonly number[]>> = {},
  deadlineMs = QUERY_DEADLINE_MS,
): Promise<readonly QueryRow[]> {
  const [rows] = await within(deadlineMs, 'a query', () =>
    bigquery.query({ query, params: { ...params }, useQueryCache: false }),
  );
  return rows as QueryRow[];
}

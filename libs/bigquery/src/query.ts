import type { BigQuery } from '@google-cloud/bigquery';

export type QueryRow = Readonly<Record<string, unknown>>;

/** Runs a query that must see every row that was acknowledged before: never answered from BigQuery's result cache. */
export async function queryFresh(
  bigquery: BigQuery,
  query: string,
  params: Readonly<Record<string, string | number | readonly number[]>> = {},
): Promise<readonly QueryRow[]> {
  const [rows] = await bigquery.query({ query, params: { ...params }, useQueryCache: false });
  return rows as QueryRow[];
}

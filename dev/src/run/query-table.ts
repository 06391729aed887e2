import { type BigQuery } from '@google-cloud/bigquery';
import { formatTable } from './format-table';

/** Runs a query, and returns its rows as a table of text. Tables are looked up in the dataset. */
export async function queryTable(
  client: Pick<BigQuery, 'query'>,
  query: string,
  dataset: { readonly projectId: string; readonly datasetId: string },
): Promise<string> {
  const [rows] = await client.query({
    query,
    defaultDataset: dataset,
    useQueryCache: false,
    // A number of JavaScript is exact only up to 2^53.
    wrapIntegers: true,
  });
  return formatTable(rows as Record<string, unknown>[]);
}

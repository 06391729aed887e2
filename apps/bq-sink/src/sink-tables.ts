import { ensureDataset, ensureTables } from '@orderstream/bigquery';
import { FAMILIES, tableForFamily, TABLES } from '@orderstream/contracts';
import type { Logger } from '@orderstream/observability';
import type { BigQuery } from '@google-cloud/bigquery';

import type { BqSinkSettings } from './bq-sink.config';

/** Creates the dataset and the tables where they are missing. A table that lacks columns is only logged. */
export async function ensureSinkTables(
  bigquery: BigQuery,
  { dataset: name, location }: BqSinkSettings['bigquery'],
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const dataset = await ensureDataset(bigquery, name, location);
  const deadLetters = TABLES.dead_letters;
  const specs = [...FAMILIES.map(tableForFamily), ...(deadLetters === undefined ? [] : [deadLetters])];
  for (const { table, missingColumns } of await ensureTables(dataset, specs)) {
    if (missingColumns.length > 0) logger.warn({ table, missingColumns }, 'table lacks columns of its contract');
  }
}

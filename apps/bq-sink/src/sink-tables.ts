import { ensureDataset, ensureTables, logDifferingOptions } from '@orderstream/bigquery';
import { FAMILIES, tableForFamily, TABLES } from '@orderstream/contracts';
import type { Logger } from '@orderstream/observability';
import type { BigQuery } from '@google-cloud/bigquery';

import type { BqSinkSettings } from './bq-sink.config';

/** Creates the dataset and the tables where they are missing. What an existing table lacks or has otherwise is only logged. */
export async function ensureSinkTables(
  bigquery: BigQuery,
  { dataset: name, location, ...options }: BqSinkSettings['bigquery'],
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const dataset = await ensureDataset(bigquery, name, location);
  const deadLetters = TABLES.dead_letters;
  const specs = [...FAMILIES.map(tableForFamily), ...(deadLetters === undefined ? [] : [deadLetters])];
  const reports = await ensureTables(dataset, specs, options);
  for (const { table, missingColumns } of reports) {
    if (missingColumns.length > 0) logger.warn({ table, missingColumns }, 'table lacks columns of its contract');
  }
  logDifferingOptions(reports, logger);
}

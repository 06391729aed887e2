import { ensureDataset, ensureTables, logDifferingOptions, logMissingColumns } from '@orderstream/bigquery';
import { FAMILIES, tableForFamily, TABLES } from '@orderstream/contracts';
import type { Logger } from '@orderstream/observability';
import type { BigQuery } from '@google-cloud/bigquery';

import type { BqSinkSettings } from './bq-sink.config';

/**
 * Creates the dataset and the tables where they are missing. What an existing table lacks or has otherwise is only logged.
 * The options of the settings are for the stream tables: `dead_letters` is created without them, and may have any.
 */
export async function ensureSinkTables(
  bigquery: BigQuery,
  { dataset: name, location, ...options }: BqSinkSettings['bigquery'],
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const dataset = await ensureDataset(bigquery, name, location);
  const deadLetters = TABLES.dead_letters;
  const [streamTables, others] = await Promise.all([
    ensureTables(dataset, FAMILIES.map(tableForFamily), options),
    ensureTables(dataset, deadLetters === undefined ? [] : [deadLetters]),
  ]);
  logMissingColumns([...streamTables, ...others], logger);
  logDifferingOptions(streamTables, logger);
}

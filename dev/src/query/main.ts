import { createBigQuery } from '@orderstream/bigquery';
import { bigquerySettings, ConfigError, loadSettings } from '@orderstream/config';
import { escaped } from '@orderstream/terminal';
import { EXIT } from '../errors';
import { queryTable } from '../run/query-table';

/** Prints the result of one query in BigQuery: `docker compose run --rm query "select count(*) from order_events"`. */
async function printQueryResult(): Promise<void> {
  const query = process.argv.slice(2).join(' ').trim();
  if (query === '') throw new ConfigError(['a query is required as argument']);
  const bigquery = loadSettings(bigquerySettings);
  const dataset = { projectId: bigquery.project, datasetId: bigquery.dataset };
  process.stdout.write(`${await queryTable(createBigQuery(bigquery), query, dataset)}\n`);
}

printQueryResult().then(
  () => process.exit(EXIT.ok),
  (error: unknown) => {
    process.stderr.write(`${escaped(error instanceof Error ? error.message : String(error), true)}\n`);
    process.exit(error instanceof ConfigError ? EXIT.usage : EXIT.notAccountedFor);
  },
);

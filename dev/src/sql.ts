import { loadSettings } from '@orderstream/config';
import { createBigQuery } from '@orderstream/bigquery';
import { escaped } from '@orderstream/terminal';
import { devSettings } from './dev.config';
import { EXIT, exitCodeOf, UsageError } from './errors';
import { repositoryRoot, stackPaths } from './paths';
import { queryTable } from './run/query-table';
import { readStackFile } from './stack/stack-file';

const USAGE = 'npm run -s sql -- "select event_type, count(*) as n from order_events group by 1"';
const LOCATION = 'US';

/** `npm run sql`: runs one query in the running BigQuery emulator. Tables are looked up in the dataset of the stack. */
async function printQueryResult(): Promise<void> {
  const query = process.argv.slice(2).join(' ').trim();
  if (query === '') throw new UsageError(`A query is required: ${USAGE}`);
  const paths = stackPaths(repositoryRoot(), loadSettings(devSettings, process.env).home);
  const { bigquery } = readStackFile(paths.stackFile);
  const client = createBigQuery({
    project: bigquery.projectId,
    dataset: bigquery.dataset,
    location: LOCATION,
    apiEndpoint: bigquery.apiEndpoint,
    grpcEndpoint: bigquery.grpcEndpoint,
  });
  const dataset = { projectId: bigquery.projectId, datasetId: bigquery.dataset };
  process.stdout.write(`${await queryTable(client, query, dataset)}\n`);
}

printQueryResult().then(
  () => {
    process.exitCode = EXIT.ok;
  },
  (error: unknown) => {
    process.stderr.write(`${escaped(error instanceof Error ? error.message : String(error), true)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);

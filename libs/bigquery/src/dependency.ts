import { type BigQuery } from '@google-cloud/bigquery';
import { type BigQueryConnection } from './clients';
import { withDeadline } from './deadline';
import { BigQueryCallError } from './errors';

const ATTEMPT_DEADLINE_MS = 10_000;
/** HTTP status codes of an answer that another attempt can change. */
const TRANSIENT = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** BigQuery as a dependency of a start: reached when it answers whether the dataset exists. */
export function bigqueryDependency(
  bigquery: BigQuery,
  connection: BigQueryConnection,
): { readonly what: string; readonly reach: () => Promise<void> } {
  const { project, dataset, apiEndpoint } = connection;
  const what = apiEndpoint === undefined ? 'BigQuery' : `BigQuery at ${apiEndpoint} (BIGQUERY_API_ENDPOINT)`;
  const call = { code: 'TABLE_CALL_FAILED', what: `looking for dataset ${dataset}` } as const;
  return {
    what,
    reach: async () => {
      try {
        await withDeadline(ATTEMPT_DEADLINE_MS, call, () => bigquery.dataset(dataset).exists());
      } catch (error) {
        throw reachError(error, what, `${project}.${dataset}`);
      }
    },
  };
}

/**
 * Retriable when there was no answer, or one that another attempt can change.
 *
 * @param what begins the message
 * @param dataset `project.dataset`
 */
export function reachError(error: unknown, what: string, dataset: string): BigQueryCallError {
  const why = error instanceof Error ? error.message : String(error);
  const options = { code: 'TABLE_CALL_FAILED', cause: error } as const;
  const code = (error as { code?: unknown } | undefined)?.code;
  const status = Number(code);
  if (status === 401 || status === 403) {
    return new BigQueryCallError(
      `${what} denies access to dataset ${dataset} (${why}). Give the account of GOOGLE_APPLICATION_CREDENTIALS roles/bigquery.dataEditor on it and roles/bigquery.jobUser in the project, or correct BIGQUERY_PROJECT and BIGQUERY_DATASET.`,
      options,
    );
  }
  if (/could not load the default credentials/i.test(why)) {
    return new BigQueryCallError(
      `${what} needs credentials, and there are none (${why}). Set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file, or BIGQUERY_API_ENDPOINT and BIGQUERY_GRPC_ENDPOINT to an emulator.`,
      options,
    );
  }
  const isAnswer = Number.isInteger(status) && status >= 100;
  return new BigQueryCallError(
    `${what} ${isAnswer ? 'rejects' : 'does not answer'} a request for dataset ${dataset} (${why}).`,
    {
      ...options,
      // Without an answer the code is a text, such as ECONNREFUSED, or there is none.
      retriable: !isAnswer || TRANSIENT(status),
    },
  );
}

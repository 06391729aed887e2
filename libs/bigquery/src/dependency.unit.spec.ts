import { reachError } from './dependency';

const errorWith = (message: string, code?: unknown): Error => Object.assign(new Error(message), { code });
const reached = (error: unknown) => reachError(error, 'BigQuery', 'p.ecommerce_db');

describe('why BigQuery is not reached', () => {
  it.each<[string, Error]>([
    ['nothing listens', errorWith('connect ECONNREFUSED', 'ECONNREFUSED')],
    ['the name is not known yet', errorWith('getaddrinfo EAI_AGAIN', 'EAI_AGAIN')],
    ['there is no answer in time', errorWith('no answer within 10000 ms', 'TABLE_CALL_FAILED')],
    ['the connection ends', errorWith('socket hang up')],
    ['it is overloaded', errorWith('backend error', 503)],
    ['a quota is exceeded', errorWith('rate limit', 429)],
  ])('waits when %s', (_, error) => {
    expect(reached(error)).toMatchObject({ retriable: true, cause: error });
    expect(reached(error).message).toContain(error.message);
  });

  it.each<[string, Error, RegExp]>([
    ['the account has no rights', errorWith('Access Denied', 403), /p\.ecommerce_db.*BIGQUERY_DATASET/],
    ['the credentials are not valid', errorWith('Invalid Credentials', 401), /GOOGLE_APPLICATION_CREDENTIALS/],
    [
      'there are no credentials',
      errorWith('Could not load the default credentials.'),
      /GOOGLE_APPLICATION_CREDENTIALS.*BIGQUERY_API_ENDPOINT/,
    ],
    ['the request is wrong', errorWith('Invalid dataset ID', 400), /p\.ecommerce_db/],
  ])('ends the start with the setting when %s', (_, error, message) => {
    expect(reached(error)).toMatchObject({ retriable: false, message: expect.stringMatching(message) as string });
  });
});

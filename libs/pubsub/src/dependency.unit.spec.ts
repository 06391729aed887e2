import { status } from '@grpc/grpc-js';
import { reachError } from './dependency';

const errorWith = (message: string, code?: number): Error => Object.assign(new Error(message), { code });
const reached = (error: unknown) => reachError(error, 'Pub/Sub', 'p/orders-topic');

describe('why Pub/Sub is not reached', () => {
  it.each<[string, Error]>([
    ['nothing listens', errorWith('connect ECONNREFUSED', status.UNAVAILABLE)],
    ['there is no answer in time', errorWith('total timeout', status.DEADLINE_EXCEEDED)],
    ['the error has no status', errorWith('socket hang up')],
  ])('waits when %s', (_, error) => {
    expect(reached(error)).toMatchObject({ retriable: true, cause: error });
    expect(reached(error).message).toContain(error.message);
  });

  it.each<[string, Error, RegExp]>([
    ['the account has no rights', errorWith('denied', status.PERMISSION_DENIED), /p\/orders-topic.*PUBSUB_TOPIC/],
    ['the credentials are not valid', errorWith('no', status.UNAUTHENTICATED), /GOOGLE_APPLICATION_CREDENTIALS/],
    [
      'there are no credentials',
      errorWith('Could not load the default credentials.'),
      /GOOGLE_APPLICATION_CREDENTIALS/,
    ],
    ['the request is wrong', errorWith('bad name', status.INVALID_ARGUMENT), /p\/orders-topic/],
  ])('ends the start with the setting when %s', (_, error, message) => {
    expect(reached(error)).toMatchObject({ retriable: false, message: expect.stringMatching(message) as string });
  });
});

import { protos } from '@google-cloud/bigquery-storage';
import { status } from '@grpc/grpc-js';

import { appendOutcome, decodeAppendResponse } from '../src/append-outcome';

const { AppendRowsResponse, StorageError } = protos.google.cloud.bigquery.storage.v1;
type Answer = protos.google.cloud.bigquery.storage.v1.IAppendRowsResponse;

const outcomeOf = (answer: Answer, offset: number): ReturnType<typeof appendOutcome> =>
  appendOutcome(decodeAppendResponse(Buffer.from(AppendRowsResponse.encode(answer).finish())), offset);

describe('the answer to an append', () => {
  it('counts when it names the offset that was sent', () => {
    expect(outcomeOf({ appendResult: { offset: { value: 70 } } }, 70)).toEqual({ kind: 'appended' });
    expect(outcomeOf({ appendResult: { offset: { value: 0 } } }, 0)).toEqual({ kind: 'appended' });
  });

  it.each<[string, Answer]>([
    ['another offset', { appendResult: { offset: { value: 71 } } }],
    ['no offset', { appendResult: {} }],
    ['nothing', {}],
  ])('is none when it names %s', (_, answer) => {
    expect(outcomeOf(answer, 70)).toMatchObject({ kind: 'lost', reason: 'rejected' });
  });

  it('names the rows that were refused', () => {
    expect(outcomeOf({ rowErrors: [{ index: 3, message: 'no' }], error: { code: 3 } }, 0)).toEqual({
      kind: 'refused',
      rows: [{ index: 3, message: 'no' }],
    });
  });

  it('prefers the Write API’s own code, by which a missing column is no refusal of rows', () => {
    const value = StorageError.encode({ code: StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS }).finish();
    const details = [{ type_url: 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError', value }];
    expect(outcomeOf({ error: { code: status.INVALID_ARGUMENT, message: 'extra', details } }, 0)).toEqual({
      kind: 'error',
      reason: 'schema-behind',
      message: 'extra',
    });
  });

  it.each([
    [status.ALREADY_EXISTS, 'already-exists'],
    [status.OUT_OF_RANGE, 'out-of-range'],
    [status.RESOURCE_EXHAUSTED, 'throttled'],
    [status.UNAVAILABLE, 'unavailable'],
    [status.PERMISSION_DENIED, 'rejected'],
  ])('is never a success with status %d', (code, reason) => {
    expect(outcomeOf({ error: { code, message: 'x' } }, 0)).toEqual({ kind: 'error', reason, message: 'x' });
  });
});

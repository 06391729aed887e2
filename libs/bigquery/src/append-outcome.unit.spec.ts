import { protos } from '@google-cloud/bigquery-storage';
import { Metadata, status } from '@grpc/grpc-js';

import { appendOutcome, decodeAppendResponse, proofOfFinalize, reasonOfCall } from './append-outcome';

const { AppendRowsResponse, StorageError } = protos.google.cloud.bigquery.storage.v1;
type Answer = protos.google.cloud.bigquery.storage.v1.IAppendRowsResponse;

const outcomeOf = (answer: Answer, offset: number): ReturnType<typeof appendOutcome> =>
  appendOutcome(decodeAppendResponse(Buffer.from(AppendRowsResponse.encode(answer).finish())), offset);

const storageError = (code: keyof typeof StorageError.StorageErrorCode): { type_url: string; value: Uint8Array }[] => [
  {
    type_url: 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError',
    value: StorageError.encode({ code: StorageError.StorageErrorCode[code] }).finish(),
  },
];

describe('the outcome of an append', () => {
  it('is appended when the answer has the offset that was sent', () => {
    expect(outcomeOf({ appendResult: { offset: { value: 70 } } }, 70)).toEqual({ kind: 'appended' });
    expect(outcomeOf({ appendResult: { offset: { value: 0 } } }, 0)).toEqual({ kind: 'appended' });
  });

  it.each<[string, Answer]>([
    ['another offset', { appendResult: { offset: { value: 71 } } }],
    ['no offset', { appendResult: {} }],
    ['no result', {}],
  ])('is lost when the answer has %s', (_, answer) => {
    expect(outcomeOf(answer, 70)).toMatchObject({ kind: 'lost', reason: 'rejected' });
  });

  it('is rejected when the answer has row errors, and lists the rows', () => {
    expect(outcomeOf({ rowErrors: [{ index: 3, message: 'no' }], error: { code: 3 } }, 0)).toEqual({
      kind: 'rejected',
      rows: [{ index: 3, message: 'no' }],
    });
  });

  it('has the reason of the Write API’s own error code: a missing column is not a rejection of rows', () => {
    const details = storageError('SCHEMA_MISMATCH_EXTRA_FIELDS');
    expect(outcomeOf({ error: { code: status.INVALID_ARGUMENT, message: 'extra', details } }, 0)).toEqual({
      kind: 'error',
      reason: 'schema-behind',
      message: 'extra',
    });
  });

  it.each([
    [status.ALREADY_EXISTS, 'already-exists'],
    [status.OUT_OF_RANGE, 'out-of-range'],
    [status.ABORTED, 'aborted'],
    [status.RESOURCE_EXHAUSTED, 'throttled'],
    [status.UNAVAILABLE, 'unavailable'],
    [status.PERMISSION_DENIED, 'rejected'],
    [status.INVALID_ARGUMENT, 'invalid-request'],
  ])('is an error when the answer has status %d', (code, reason) => {
    expect(outcomeOf({ error: { code, message: 'x' } }, 0)).toEqual({ kind: 'error', reason, message: 'x' });
  });
});

const errorOf = (code: status, details: readonly protos.google.protobuf.IAny[] = []) => {
  const metadata = new Metadata();
  const bytes = Buffer.from(protos.google.rpc.Status.encode({ code, details: [...details] }).finish());
  if (details.length > 0) metadata.set('grpc-status-details-bin', bytes);
  return Object.assign(new Error('x'), { code, metadata });
};

describe('what a failed FinalizeWriteStream proves', () => {
  it.each([
    [status.NOT_FOUND, undefined, 'gone'],
    [status.NOT_FOUND, 'STREAM_NOT_FOUND', 'gone'],
    [status.FAILED_PRECONDITION, 'STREAM_FINALIZED', 'finalized'],
    [status.INVALID_ARGUMENT, 'STREAM_NOT_FOUND', 'gone'],
    [status.NOT_FOUND, 'TABLE_NOT_FOUND', undefined],
    [status.NOT_FOUND, 'STORAGE_ERROR_CODE_UNSPECIFIED', undefined],
    [status.FAILED_PRECONDITION, undefined, undefined],
    [status.FAILED_PRECONDITION, 'INVALID_STREAM_STATE', undefined],
    [status.INVALID_ARGUMENT, undefined, undefined],
    [status.PERMISSION_DENIED, undefined, undefined],
    [status.UNAVAILABLE, undefined, undefined],
  ] as const)('with status %d and StorageError %s is: %s', (code, detail, proof) => {
    expect(proofOfFinalize(errorOf(code, detail === undefined ? [] : storageError(detail)))).toBe(proof);
  });
});

describe('the reason of a failed call', () => {
  it.each([
    [status.INVALID_ARGUMENT, 'SCHEMA_MISMATCH_EXTRA_FIELDS', 'schema-behind'],
    [status.INVALID_ARGUMENT, 'STREAM_FINALIZED', 'finalized'],
    [status.NOT_FOUND, 'STREAM_NOT_FOUND', 'stream-gone'],
    [status.RESOURCE_EXHAUSTED, 'TABLE_NOT_FOUND', 'throttled'],
    [status.INVALID_ARGUMENT, 'INVALID_CMEK_PROVIDED', 'rejected'],
  ] as const)('comes from the Write API’s code in the details of status %d: %s', (code, detail, reason) => {
    expect(reasonOfCall(errorOf(code, storageError(detail)))).toBe(reason);
  });

  it.each([
    [status.UNAVAILABLE, 'unavailable'],
    [status.INVALID_ARGUMENT, 'invalid-request'],
    [status.PERMISSION_DENIED, 'rejected'],
  ])('comes from status %d when there are no details', (code, reason) => {
    expect(reasonOfCall(errorOf(code))).toBe(reason);
    expect(reasonOfCall(Object.assign(new Error('x'), { code }))).toBe(reason);
  });
});

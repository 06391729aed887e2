import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';
import { status } from '@grpc/grpc-js';
import { type KafkaRecord, RecordTooLargeError, TransactionFailedError } from '@orderstream/kafka';

import { FailurePolicy, reasonOf } from './failure-policy';
import {
  AppendFailedError,
  LetterRejectedError,
  RecoveryAmbiguousError,
  RowsRejectedError,
} from './streams/sink-errors';

const TIMEOUT_MS = 900_000;
/** Schema failures further apart than this belong to different schema changes. */
const SCHEMA_FAILURE_GAP_MS = 300_000;

const record: KafkaRecord = {
  topic: 't',
  partition: 0,
  offset: 20,
  timestamp: 0,
  key: null,
  value: null,
  headers: {},
};

const callError = (retriable: boolean, code: status): BigQueryCallError =>
  new BigQueryCallError('x', { code: 'CREATE_STREAM_FAILED', retriable, cause: { code } });

describe('FailurePolicy', () => {
  let nowMs = 0;
  const newPolicy = (): FailurePolicy => new FailurePolicy(TIMEOUT_MS, () => nowMs);
  beforeEach(() => {
    nowMs = 1_000_000;
  });

  it.each([
    ['BigQuery is unavailable', new AppendFailedError('x', 'unavailable'), 200, 'unavailable'],
    ['appends have used up a quota', new AppendFailedError('x', 'throttled'), 5_000, 'throttled'],
    ['new streams have used up a quota', callError(true, status.RESOURCE_EXHAUSTED), 5_000, 'throttled'],
    ['a call fails transiently', callError(true, status.UNAVAILABLE), 200, 'unavailable'],
    ['a call is rejected', callError(false, status.PERMISSION_DENIED), 5_000, 'rejected'],
    ['Kafka fails', new Error('x'), 200, 'other'],
  ])('retries when %s, with the same first wait each time', (_, cause, afterMs, reason) => {
    const policy = newPolicy();
    expect(policy.outcomeOf(cause)).toEqual({ kind: 'retry', afterMs, cause });
    expect(policy.outcomeOf(cause)).toEqual({ kind: 'retry', afterMs, cause });
    expect(reasonOf(cause)).toBe(reason);
  });

  it('retries a dead letter whose row is rejected, stops at the eighth time, and starts to count again when it is resumed', () => {
    const policy = newPolicy();
    const rejected = (offset: number) =>
      new LetterRejectedError({ topic: 't', partition: 0 }, { record: { ...record, offset }, reason: { code: 'x' } });
    const kinds = (offset: number, times: number): string[] =>
      Array.from({ length: times }, () => policy.outcomeOf(rejected(offset)).kind);
    const sevenRetries = Array<string>(7).fill('retry');
    expect(kinds(20, 9)).toEqual([...sevenRetries, 'stop', 'retry']);
    expect(kinds(21, 8)).toEqual([...sevenRetries, 'stop']);
    expect(reasonOf(rejected(20))).toBe('rows-rejected');
  });

  it('sends a dead letter again that BigQuery has ended a call for', () => {
    const policy = newPolicy();
    policy.outcomeOf(new AppendFailedError('x', 'invalid-request', { rows: 1, offset: 20, isAlone: true }));
    expect(policy.rejectionOf(record)).toBeDefined();
    policy.outcomeOf(new LetterRejectedError({ topic: 't', partition: 0 }, { record, reason: { code: 'x' } }));
    expect(policy.rejectionOf(record)).toBeUndefined();
  });

  it.each([
    ['recovery is ambiguous', new RecoveryAmbiguousError('x'), 'ambiguous'],
    [
      'rows are rejected one after the other',
      new RowsRejectedError({ topic: 't', partition: 0 }, 20, { record, reason: { code: 'sink.rejected' } }),
      'rows-rejected',
    ],
    ['a dead letter exceeds the size limit of its topic', new RecordTooLargeError('x'), 'other'],
  ])('stops at once when %s', (_, cause, reason) => {
    expect(newPolicy().outcomeOf(cause)).toEqual({ kind: 'stop', cause });
    expect(reasonOf(cause)).toBe(reason);
  });

  it.each([
    ['table', new SchemaBehindError('order_events', 'no column x')],
    ['stream', new AppendFailedError('x', 'schema-behind')],
  ])('retries until the timeout while the %s lacks a column, then stops', (_, cause) => {
    const policy = newPolicy();
    const startedMs = nowMs;
    for (; nowMs < startedMs + TIMEOUT_MS; nowMs += 30_000) {
      expect(policy.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
    }
    expect(policy.outcomeOf(cause)).toEqual({ kind: 'stop', cause });
    expect(reasonOf(cause)).toBe('schema-behind');
    // A resumed partition gets the whole timeout again, and no more.
    const resumedMs = nowMs;
    for (; nowMs < resumedMs + TIMEOUT_MS; nowMs += 30_000) {
      expect(policy.outcomeOf(cause)).toMatchObject({ kind: 'retry', afterMs: 200 });
    }
    expect(policy.outcomeOf(cause)).toMatchObject({ kind: 'stop' });
  });

  it.each([
    ['stops at the timeout when schema failures are 5 min apart', SCHEMA_FAILURE_GAP_MS, 'stop'],
    ['starts the timeout over when schema failures are more than 5 min apart', SCHEMA_FAILURE_GAP_MS + 1, 'retry'],
  ])('%s', (_, gapMs, atTimeout) => {
    const policy = newPolicy();
    const cause = new AppendFailedError('x', 'schema-behind');
    const startedMs = nowMs;
    for (; nowMs < startedMs + TIMEOUT_MS; nowMs += gapMs) {
      expect(policy.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
    }
    expect(policy.outcomeOf(cause)).toMatchObject({ kind: atTimeout });
  });

  it('starts the schema timeout over once rows have been appended', () => {
    const policy = newPolicy();
    const cause = new AppendFailedError('x', 'schema-behind');
    const startedMs = nowMs;
    for (; nowMs < startedMs + TIMEOUT_MS; nowMs += SCHEMA_FAILURE_GAP_MS) policy.outcomeOf(cause);
    policy.appended();
    expect(policy.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
  });

  it('waits for 3 s after another instance has fenced this one', () => {
    const fenced = new TransactionFailedError('x', 'aborted', true);
    expect(newPolicy().outcomeOf(fenced)).toEqual({ kind: 'retry', afterMs: 3_000, cause: fenced });
  });

  it("creates no more streams than a partition's share of the quota, however many rows are appended", () => {
    const policy = newPolicy();
    const cause = new AppendFailedError('x', 'unavailable');
    const hourMs = 3_600_000;
    let streams = 0;
    for (const endMs = nowMs + hourMs; nowMs < endMs; streams++) {
      policy.streamCreated();
      policy.appended();
      const outcome = policy.outcomeOf(cause);
      // With full jitter the task waits for half of the time.
      nowMs += outcome.kind === 'retry' ? outcome.afterMs / 2 : 0;
    }
    expect(streams).toBeGreaterThan(350);
    expect(streams * 24).toBeLessThanOrEqual(10_000);
  });

  it('halves the batches while BigQuery ends calls with INVALID_ARGUMENT, until the culprit is alone and is rejected', () => {
    const policy = newPolicy();
    const fails = (rows: number, isAlone: boolean): void => {
      policy.outcomeOf(new AppendFailedError('x', 'invalid-request', { rows, offset: 17, isAlone }));
    };
    expect(policy.maxBatchRows(2_000)).toBe(2_000);
    for (const [rows, limit] of [
      [2_000, 1_000],
      [1_000, 500],
      [3, 1],
    ] as const) {
      fails(rows, false);
      expect(policy.maxBatchRows(2_000)).toBe(limit);
    }
    // Another append was in flight, which may be the cause.
    fails(1, false);
    expect(policy.rejectionOf({ offset: 17 })).toBeUndefined();
    fails(1, true);
    expect(policy.rejectionOf({ offset: 16 })).toBeUndefined();
    expect(policy.rejectionOf({ offset: 17 })).toMatchObject({ code: 'sink.row_rejected' });
    policy.appended();
    expect(policy.maxBatchRows(2_000)).toBe(2_000);
    expect(policy.rejectionOf({ offset: 17 })).toBeUndefined();
  });

  it('allows one append in flight after a failure, until an append is acknowledged', () => {
    const policy = newPolicy();
    expect(policy.maxInFlight(3)).toBe(3);
    policy.outcomeOf(new AppendFailedError('x', 'unavailable'));
    expect(policy.maxInFlight(3)).toBe(1);
    policy.appended();
    expect(policy.maxInFlight(3)).toBe(3);
  });
});

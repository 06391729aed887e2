import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';
import { status } from '@grpc/grpc-js';
import { RecordTooLargeError, TransactionFailedError } from '@orderstream/kafka';

import { FailurePolicy, reasonOf } from './failure-policy';
import { AppendFailedError, RecoveryAmbiguousError } from './streams/sink-errors';

const TIMEOUT_MS = 900_000;

const callError = (retriable: boolean, code: status): BigQueryCallError =>
  new BigQueryCallError('x', { retriable, cause: { code } });

describe('what becomes of a partition after a failure', () => {
  let nowMs = 0;
  const policy = (): FailurePolicy => new FailurePolicy(TIMEOUT_MS, () => nowMs);
  beforeEach(() => {
    nowMs = 1_000_000;
  });

  it.each([
    ['BigQuery is unavailable', new AppendFailedError('x', 'unavailable'), 200, 'unavailable'],
    ['a quota is used up by appends', new AppendFailedError('x', 'throttled'), 5_000, 'throttled'],
    ['a quota is used up by new streams', callError(true, status.RESOURCE_EXHAUSTED), 5_000, 'throttled'],
    ['a call fails for now', callError(true, status.UNAVAILABLE), 200, 'unavailable'],
    ['a call is rejected', callError(false, status.PERMISSION_DENIED), 5_000, 'rejected'],
    ['Kafka fails', new Error('x'), 200, 'other'],
  ])('is tried again when %s, for a quota or a rejection later', (_, cause, afterMs, reason) => {
    const failing = policy();
    // Each time the same: from failure to failure the task waits longer.
    expect(failing.outcomeOf(cause)).toEqual({ kind: 'retry', afterMs, cause });
    expect(failing.outcomeOf(cause)).toEqual({ kind: 'retry', afterMs, cause });
    expect(reasonOf(cause)).toBe(reason);
  });

  it.each([
    ['what is durable is not clear', new RecoveryAmbiguousError('x'), 'ambiguous'],
    ['a dead letter is larger than its topic takes', new RecordTooLargeError('x'), 'other'],
  ])('stops at once where %s', (_, cause, reason) => {
    expect(policy().outcomeOf(cause)).toEqual({ kind: 'stop', cause });
    expect(reasonOf(cause)).toBe(reason);
  });

  it.each([
    ['table', new SchemaBehindError('order_events', 'no column x')],
    ['stream', new AppendFailedError('x', 'schema-behind')],
  ])('waits for a %s that is behind its contract as long as the patience lasts, then stops', (_, cause) => {
    const failing = policy();
    const startedMs = nowMs;
    for (; nowMs < startedMs + TIMEOUT_MS; nowMs += 30_000) {
      expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
    }
    expect(failing.outcomeOf(cause)).toEqual({ kind: 'stop', cause });
    expect(reasonOf(cause)).toBe('schema-behind');
    // An operator resumes it: it has time again, and again no more than that.
    const resumedMs = nowMs;
    for (; nowMs < resumedMs + TIMEOUT_MS; nowMs += 30_000) {
      expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry', afterMs: 200 });
    }
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'stop' });
  });

  it('is patient anew when the schema was behind long ago, whoever has appended meanwhile', () => {
    const failing = policy();
    const cause = new AppendFailedError('x', 'schema-behind');
    failing.outcomeOf(cause);
    nowMs += TIMEOUT_MS;
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
  });

  it('gives another instance time to take over when that has fenced this one', () => {
    const fenced = new TransactionFailedError('x', 'aborted', true);
    expect(policy().outcomeOf(fenced)).toEqual({ kind: 'retry', afterMs: 3_000, cause: fenced });
  });

  it("creates no more streams than a partition's share of the quota, however much lands in each", () => {
    const failing = policy();
    const cause = new AppendFailedError('x', 'unavailable');
    const hourMs = 3_600_000;
    let streams = 0;
    for (const endMs = nowMs + hourMs; nowMs < endMs; streams++) {
      failing.streamCreated();
      failing.appended();
      const outcome = failing.outcomeOf(cause);
      // The shortest wait that the task makes of it.
      nowMs += outcome.kind === 'retry' ? outcome.afterMs / 2 : 0;
    }
    expect(streams).toBeGreaterThan(350);
    expect(streams * 24).toBeLessThanOrEqual(10_000);
  });

  it('is patient anew once rows have landed', () => {
    const failing = policy();
    const cause = new AppendFailedError('x', 'schema-behind');
    failing.outcomeOf(cause);
    nowMs += TIMEOUT_MS;
    failing.appended();
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
  });

  it('has one append under way after a failure, until one is acknowledged', () => {
    const failing = policy();
    expect(failing.maxInFlight(3)).toBe(3);
    failing.outcomeOf(new AppendFailedError('x', 'unavailable'));
    expect(failing.maxInFlight(3)).toBe(1);
    failing.appended();
    expect(failing.maxInFlight(3)).toBe(3);
  });
});

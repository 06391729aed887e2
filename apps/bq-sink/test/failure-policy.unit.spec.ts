import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';

import { FailurePolicy } from '../src/failure-policy';
import { AppendFailedError, RecoveryAmbiguousError } from '../src/streams/sink-errors';

const PATIENCE_MS = 900_000;

describe('what becomes of a partition after a failure', () => {
  let nowMs = 0;
  const policy = (): FailurePolicy => new FailurePolicy(PATIENCE_MS, () => nowMs);
  beforeEach(() => {
    nowMs = 1_000_000;
  });

  it.each([
    ['BigQuery is unavailable', new AppendFailedError('x', 'unavailable'), 200],
    ['a quota is used up by appends', new AppendFailedError('x', 'throttled'), 5_000],
    ['a quota is used up by new streams', new BigQueryCallError('x', { retriable: true, cause: { code: 8 } }), 5_000],
    ['a call fails for now', new BigQueryCallError('x', { retriable: true, cause: { code: 14 } }), 200],
    ['a call is refused', new BigQueryCallError('x', { retriable: false }), 5_000],
    ['Kafka fails', new Error('x'), 200],
  ])('is tried again ever more rarely, up to every 30 s, when %s', (_, cause, firstMs) => {
    const failing = policy();
    const waits = Array.from({ length: 12 }, () => failing.outcomeOf(cause)).map((outcome) =>
      outcome.kind === 'retry' ? outcome.afterMs : NaN,
    );
    expect(waits).toEqual(Array.from({ length: 12 }, (_each, index) => Math.min(firstMs * 2 ** index, 30_000)));
    failing.succeeded();
    expect(failing.outcomeOf(cause)).toEqual({ kind: 'retry', afterMs: firstMs, cause });
  });

  it('stops at once where what is durable is not clear', () => {
    const cause = new RecoveryAmbiguousError('x');
    expect(policy().outcomeOf(cause)).toEqual({ kind: 'stop', cause });
  });

  it.each([
    ['table', new SchemaBehindError('order_events', 'no column x')],
    ['stream', new AppendFailedError('x', 'schema-behind')],
  ])('waits for a %s that is behind its contract as long as the patience lasts, then stops', (_, cause) => {
    const failing = policy();
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
    nowMs += PATIENCE_MS - 1;
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry' });
    nowMs += 1;
    expect(failing.outcomeOf(cause)).toEqual({ kind: 'stop', cause });
    failing.succeeded();
    expect(failing.outcomeOf(cause)).toMatchObject({ kind: 'retry', afterMs: 200 });
  });
});

import { waitUntil } from '@orderstream/deadlines';

import { PARTITION, recordAt } from './simulated-world';
import { APPENDED, REJECTED_FIRST, type Script, ScriptedSink } from './scripted-sink';

const COMMITTED = { offset: 10, metadata: '{"v":2,"s":"former","n":4}' };
/** Two appends are in flight, of one row each. */
const ONE_ROW = { maxBatchRows: 1, maxInFlight: 2, commitIntervalMs: 60_000 };

const opened = async (script: Script = {}): Promise<ScriptedSink> => {
  const scripted = new ScriptedSink(script);
  await scripted.sink.open();
  return scripted;
};

describe('a sink that is closed', () => {
  it('while it opens releases its transactions, and does not touch the stream', async () => {
    const opening = Promise.withResolvers<undefined>();
    const scripted = new ScriptedSink({ committed: COMMITTED, beforeOpen: () => opening.promise });
    const open = scripted.sink.open();
    await scripted.sink.close();
    opening.resolve(undefined);
    await expect(open).rejects.toThrow('was closed');
    expect(scripted.calls).toEqual(['close transactions']);
  });

  it('while a stream is created neither commits it nor keeps its connection', async () => {
    const creating = Promise.withResolvers<undefined>();
    const scripted = await opened({ beforeCreate: () => creating.promise });
    const taken = scripted.take(0, 1);
    await waitUntil(() => scripted.sink.state === 'assigning', { what: 'the assignment', deadlineMs: 5_000 });
    await scripted.sink.close();
    creating.resolve(undefined);
    await taken;
    expect(scripted.calls).toEqual(['close transactions', 'create', 'connect s1', 'close s1']);
  });
});

describe('the assignment of a stream', () => {
  it('closes the connection and sends nothing when its commit fails', async () => {
    const scripted = await opened({ beforeCommit: () => Promise.reject(new Error('outcome unknown')) });
    expect(await scripted.take(0, 1)).toMatchObject({ kind: 'retry' });
    expect(scripted.calls).toEqual(['create', 'connect s1', 'close s1']);
    expect(scripted.appends).toEqual([]);
  });
});

describe('a flush', () => {
  const LINGERING = { maxBatchRows: 100, maxInFlight: 2, lingerMs: 60_000, commitIntervalMs: 60_000 };
  const within = (): AbortSignal => AbortSignal.timeout(5_000);

  it('sends what lingers, and has committed it when it answers', async () => {
    const scripted = await opened({ limits: LINGERING });
    await scripted.take(0, 2);
    expect(scripted.appends).toEqual([]);
    const flushed = scripted.sink.flush(within());
    (await scripted.append(1)).answer(APPENDED);
    expect(await flushed).toBe(true);
    expect(scripted.calls.filter((call) => call.startsWith('commit'))).toEqual(['commit 0, s1', 'commit 2, s1']);
    expect(await scripted.sink.flush(within())).toBe(true);
    expect(scripted.calls.filter((call) => call.startsWith('commit'))).toHaveLength(2);
    await scripted.sink.close();
  });

  it('is not done while an append has no answer, while the sink recovers, and after a failure', async () => {
    const waiting = await opened({ limits: LINGERING });
    await waiting.take(0, 2);
    expect(await waiting.sink.flush(AbortSignal.timeout(50))).toBe(false);
    (await waiting.append(1)).answer({ kind: 'lost', reason: 'unavailable', message: 'no answer' });
    expect(await waiting.sink.flush(within())).toBe(false);

    const counting = await opened({ committed: COMMITTED, finalized: { kind: 'rows', rows: 7 } });
    await counting.take(10, 12);
    expect(await counting.sink.flush(within())).toBe(false);
    await counting.sink.close();
  });

  it('fails the sink when the outcome of its commit is unknown', async () => {
    const scripted = await opened({
      limits: LINGERING,
      beforeCommit: (offset) => (offset === 0 ? Promise.resolve() : Promise.reject(new Error('outcome unknown'))),
    });
    await scripted.take(0, 1);
    const flushed = scripted.sink.flush(within());
    (await scripted.append(1)).answer(APPENDED);
    expect(await flushed).toBe(false);
    expect(String(await scripted.failed())).toContain('outcome unknown');
  });
});

describe('the end of a stream', () => {
  it.each([
    ['fewer rows', { kind: 'rows', rows: 0 }],
    ['more rows', { kind: 'rows', rows: 2 }],
    ['no stream', { kind: 'gone' }],
  ] as const)(
    'commits nothing and fails when finalizing it returns %s than were acknowledged',
    async (_, finalized) => {
      const scripted = await opened({ finalized, limits: ONE_ROW });
      await scripted.take(0, 1);
      (await scripted.append(1)).answer(APPENDED);
      await scripted.sink.drain(AbortSignal.timeout(5_000));
      expect(String(await scripted.failed())).toContain('1 rows of stream s1 were acknowledged');
      expect(scripted.calls.filter((call) => call.startsWith('commit'))).toEqual(['commit 0, s1']);
      await scripted.sink.close();
    },
  );

  it('has nothing to do while durable rows are being counted: the next owner counts them again', async () => {
    const scripted = await opened({ committed: COMMITTED, finalized: { kind: 'rows', rows: 7 } });
    await scripted.take(10, 12);
    expect(scripted.sink.state).toBe('counting');
    await scripted.sink.drain(AbortSignal.timeout(5_000));
    expect([scripted.sink.state, scripted.failures]).toEqual(['counting', []]);
    expect(scripted.calls).toEqual(['finalize former']);
    await scripted.sink.close();
  });

  it('commits a position without a stream when only its offset has advanced', async () => {
    const scripted = await opened({ committed: { offset: 10, metadata: '{"v":2}' }, limits: ONE_ROW });
    await scripted.take(10, 10);
    await scripted.sink.take({ ...PARTITION, records: [], nextOffset: 12 });
    await scripted.sink.drain(AbortSignal.timeout(5_000));
    expect(scripted.calls).toEqual(['commit 12, no stream']);
    await scripted.sink.close();
  });
});

describe('an append behind a rejected one', () => {
  const rejectFirst = async (): Promise<ScriptedSink> => {
    const scripted = await opened({ limits: ONE_ROW });
    await scripted.take(0, 2);
    await scripted.append(2);
    (await scripted.append(1)).answer(REJECTED_FIRST);
    return scripted;
  };

  it.each(['finalized', 'unavailable', 'schema-behind', 'rejected', 'already-exists'] as const)(
    'fails the sink when it is answered with %s, which no rejection explains',
    async (reason) => {
      const scripted = await rejectFirst();
      (await scripted.append(2)).answer({ kind: 'error', reason, message: 'x' });
      expect(await scripted.failed()).toMatchObject({ code: 'APPEND_FAILED', reason });
      expect(scripted.calls.filter((call) => call.includes('dead letters'))).toEqual([]);
      await scripted.sink.close();
    },
  );

  it.each(['out-of-range', 'aborted', 'invalid-request'] as const)(
    'fails the sink when its answer is lost with %s',
    async (reason) => {
      const scripted = await rejectFirst();
      (await scripted.append(2)).answer({ kind: 'lost', reason, message: 'no answer' });
      expect(await scripted.failed()).toMatchObject({ code: 'APPEND_FAILED', reason });
      await scripted.sink.close();
    },
  );

  it('fails the sink when it is acknowledged', async () => {
    const scripted = await rejectFirst();
    (await scripted.append(2)).answer(APPENDED);
    expect(String(await scripted.failed())).toContain('an append behind one that did not land was acknowledged');
    await scripted.sink.close();
  });

  it.each(['out-of-range', 'aborted', 'invalid-request'] as const)(
    'is sent again after the dead letter is committed, when it was answered with %s',
    async (reason) => {
      const scripted = await rejectFirst();
      (await scripted.append(2)).answer({ kind: 'error', reason, message: 'x' });
      const again = await scripted.append(3);
      expect(scripted.calls).toContain('commit 1, s1, 1 dead letters');
      expect(again).toMatchObject({ offset: 0, rows: 1 });
      await scripted.sink.close();
    },
  );
});

describe('the opening of a sink', () => {
  it('fails as fenced, and does not stop the partition, when another owner has caused the ambiguity', async () => {
    const committed = { offset: 10, metadata: 'of a tool' };
    const fenced = new Error('fenced');
    const { sink } = new ScriptedSink({ committed, assertCurrent: () => Promise.reject(fenced) });
    await expect(sink.open()).rejects.toBe(fenced);
    await sink.close();
    const ambiguous = new ScriptedSink({ committed }).sink;
    await expect(ambiguous.open()).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS' });
    await ambiguous.close();
  });

  it('fails as ambiguous when the log ends before every durable row has its record', async () => {
    const log = Array.from({ length: 13 }, (): 'o' => 'o');
    const scripted = await opened({ committed: COMMITTED, finalized: { kind: 'rows', rows: 7 }, log });
    // Offset 12 is a transaction marker.
    const records = [10, 11].map(recordAt);
    expect(await scripted.sink.take({ ...PARTITION, records, nextOffset: 13 })).toMatchObject({
      kind: 'retry',
      cause: { code: 'RECOVERY_AMBIGUOUS' },
    });
    await scripted.sink.close();
  });
});

it('ignores records that it has taken before', async () => {
  const scripted = await opened({ limits: { ...ONE_ROW, maxInFlight: 5 } });
  await scripted.take(0, 2);
  await scripted.take(0, 3);
  await scripted.append(3);
  expect(scripted.appends.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  expect(scripted.sink.describe().pendingRecords).toBe(3);
  await scripted.sink.close();
});

describe('the appends of a sink', () => {
  it('are in flight up to the limit', async () => {
    const scripted = await opened({ limits: ONE_ROW });
    const taken = scripted.take(0, 4);
    await scripted.append(2);
    for (let iteration = 0; iteration < 20; iteration++) await new Promise((resolve) => setImmediate(resolve));
    expect(scripted.appends.map(({ offset }) => offset)).toEqual([0, 1]);
    (await scripted.append(1)).answer(APPENDED);
    expect(await scripted.append(3)).toMatchObject({ offset: 2 });
    (await scripted.append(2)).answer(APPENDED);
    expect(await taken).toEqual({ kind: 'ack' });
    await scripted.sink.close();
  });

  it('are halved when BigQuery rejects only rows that they do not have', async () => {
    const scripted = await opened({ limits: { ...ONE_ROW, maxBatchRows: 2 } });
    await scripted.take(0, 2);
    (await scripted.append(1)).answer({ kind: 'rejected', rows: [{ index: 2, message: 'x' }] });
    expect(await scripted.append(2)).toMatchObject({ offset: 0, rows: 1 });
    await scripted.sink.close();
  });

  it('have no connection that was opened for a sink which is closed by then', async () => {
    const connecting = Promise.withResolvers<undefined>();
    const beforeConnect = (nth: number): Promise<undefined> | undefined => (nth === 2 ? connecting.promise : undefined);
    const scripted = await opened({ limits: ONE_ROW, beforeConnect });
    await scripted.take(0, 1);
    (await scripted.append(1)).answer({ kind: 'error', reason: 'stream-gone', message: 'not known yet' });
    const connects = (): number => scripted.calls.filter((call) => call === 'connect s1').length;
    await waitUntil(() => connects() === 2, { what: 'the second connection', deadlineMs: 5_000 });
    await scripted.sink.close();
    const closes = (): number => scripted.calls.filter((call) => call === 'close s1').length;
    const closedBefore = closes();
    connecting.resolve(undefined);
    await waitUntil(() => closes() > closedBefore, { what: 'the connection to be closed', deadlineMs: 5_000 });
    expect(scripted.appends).toHaveLength(1);
  });
});

describe('a stream that BigQuery does not know', () => {
  const GONE = { kind: 'error', reason: 'stream-gone', message: 'not found' } as const;

  it('is asked again while it is new and empty', async () => {
    const scripted = await opened({ limits: ONE_ROW });
    await scripted.take(0, 1);
    (await scripted.append(1)).answer(GONE);
    expect(await scripted.append(2)).toMatchObject({ offset: 0, rows: 1 });
    expect(scripted.failures).toEqual([]);
    await scripted.sink.close();
  });

  it('fails the sink once rows have landed in it', async () => {
    const scripted = await opened({ limits: ONE_ROW });
    await scripted.take(0, 1);
    (await scripted.append(1)).answer(APPENDED);
    await scripted.take(1, 2);
    (await scripted.append(2)).answer(GONE);
    expect(await scripted.failed()).toMatchObject({ reason: 'stream-gone' });
    await scripted.sink.close();
  });

  it('fails the sink after the wait since its creation', async () => {
    const scripted = await opened({ limits: { ...ONE_ROW, fallbackWaitMs: 0 } });
    await scripted.take(0, 1);
    (await scripted.append(1)).answer(GONE);
    expect(await scripted.failed()).toMatchObject({ reason: 'stream-gone' });
    await scripted.sink.close();
  });
});

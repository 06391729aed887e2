import { createWriteClient } from '@orderstream/bigquery';
import type { v1 } from '@google-cloud/bigquery-storage';
import { status } from '@grpc/grpc-js';
import { AppendCall } from './append-call';
import { COLUMNS, row, SCHEMA } from './rows';
import { startControlServer } from './src/control-server';
import type { FaultRule } from './src/faults';
import { ForwardingBackend } from './src/forwarding-backend';
import { MemoryBackend, type MemoryBackendOptions } from './src/memory-backend';
import { WriteApiServer } from './src/write-api-server';
import { waitUntil } from '@orderstream/deadlines';

const TABLE = 'projects/p-1/datasets/d/tables/t';
const LANDED = { offset: 0 };
const LOST = { ended: status.UNAVAILABLE };

/** For machines under load. */
jest.setTimeout(30_000);
const ARRIVAL_MS = 20_000;
/** Much longer than an answer takes, also under load. */
const LATE_MS = 2_000;

interface Setup {
  readonly server: WriteApiServer;
  readonly memory: MemoryBackend;
  readonly client: v1.BigQueryWriteClient;
  stop(): Promise<void>;
}

async function start(forwarding: boolean, options: MemoryBackendOptions = {}): Promise<Setup> {
  const memory = new MemoryBackend(options);
  memory.createTable(TABLE, COLUMNS);
  const behind = forwarding ? new WriteApiServer({ backend: memory }) : undefined;
  const backend = behind === undefined ? memory : new ForwardingBackend(await behind.start());
  const server = new WriteApiServer({ backend });
  const grpcEndpoint = await server.start();
  const client = createWriteClient({ project: 'p-1', dataset: 'd', location: 'US', grpcEndpoint });
  const stop = async (): Promise<void> => {
    await client.close();
    await server.stop();
    await behind?.stop();
  };
  return { server, memory, client, stop };
}

describe.each([
  ['over its own tables', false],
  ['in front of another Write API', true],
])('faults of a Write API server %s', (_name, forwarding) => {
  let setup: Setup;
  let stream: string;
  beforeAll(async () => {
    setup = await start(forwarding);
  });
  afterAll(() => setup.stop());
  beforeEach(async () => {
    setup.server.faults.remove();
    stream = await createStream();
  });

  const createStream = async (): Promise<string> => {
    const [{ name }] = await setup.client.createWriteStream(
      { parent: TABLE, writeStream: { type: 'COMMITTED' } },
      { retry: null },
    );
    return name ?? '';
  };
  const connect = (): Promise<AppendCall> => AppendCall.open(setup.client, stream, SCHEMA);
  const add = (fault: FaultRule['fault'], rule: Partial<FaultRule> = {}): string =>
    setup.server.faults.add({ on: 'AppendRows', fault, ...rule });
  const finalize = async (): Promise<number> => {
    const [{ rowCount }] = await setup.client.finalizeWriteStream({ name: stream }, { retry: null });
    return Number(rowCount ?? 0);
  };
  const rowCount = (): number => setup.memory.stream(stream).rowCount;
  const waitForRows = async (count: number): Promise<void> => {
    await waitUntil(() => rowCount() === count, { what: `${count} rows in the stream`, deadlineMs: ARRIVAL_MS });
  };
  /** Waits until every append was executed or dropped. */
  const waitForAppends = async (): Promise<void> => {
    await waitUntil(() => setup.server.counts.waiting === 0, {
      what: 'every append to be executed or dropped',
      deadlineMs: ARRIVAL_MS,
    });
  };

  it('delays answers', async () => {
    add({ kind: 'delay', ms: 1_000 }, { times: 0 });
    const call = await connect();
    const startedAt = performance.now();
    const answeredMs = (offset: number): Promise<number> =>
      call.append([row(offset)], offset).then((answer) => {
        expect(answer).toEqual({ offset });
        return performance.now() - startedAt;
      });
    const [first, second] = await Promise.all([answeredMs(0), answeredMs(1)]);
    expect(first).toBeGreaterThanOrEqual(995); // a timer may come up to 2 ms early
    expect(second - first).toBeLessThan(995); // the delays run in parallel
  });

  it('fails an append without appending rows, as a response or by ending the call', async () => {
    add({ kind: 'fail', code: 'RESOURCE_EXHAUSTED', inBand: true });
    add({ kind: 'fail', code: 'INTERNAL' }, { skip: 1 });
    const call = await connect();
    expect(await call.append([row(0)], 0)).toEqual({ error: { code: status.RESOURCE_EXHAUSTED } });
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    expect(await call.append([row(1)], 1)).toEqual({ ended: status.INTERNAL });
    expect(await finalize()).toBe(1);
  });

  it.each(['call', 'socket'] as const)('appends rows and cuts the %s instead of answering', async (cut) => {
    add({ kind: 'lose-answer', cut }, { skip: 1 });
    const call = await connect();
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    expect(await call.append([row(1), row(2)], 1)).toEqual(LOST);
    await waitForRows(3);
    expect(await (await connect()).append([row(9)], 1)).toMatchObject({ error: { code: status.ALREADY_EXISTS } });
  });

  it.each([
    ['with', true],
    ['without', false],
  ])('answers neither an append nor the next one of its call, %s appending its rows', async (_with, lands) => {
    add({ kind: 'never-answer', lands });
    const call = await connect();
    const answers: unknown[] = [];
    void call.append([row(0)], 0).then((answer) => answers.push(answer));
    // Two rows in the end, unless the first append is executed or dropped against the rule.
    const [rows, offset] = lands ? [[row(1)], 1] : [[row(0), row(1)], 0];
    void call.append(rows, offset).then((answer) => answers.push(answer));
    await waitForRows(2);
    // By the time another call is answered, an answer to the first call would have arrived.
    expect(await (await connect()).append([row(2)], 2)).toEqual({ offset: 2 });
    expect([answers, setup.server.counts.waiting]).toEqual([[], 2]);
    call.cancel();
    await waitForAppends();
  });

  it('cuts the connection and appends rows later', async () => {
    add({ kind: 'land-late', ms: LATE_MS });
    const call = await connect();
    expect(await Promise.all([call.append([row(0)], 0), call.append([row(1)], 1)])).toEqual([LOST, LOST]);
    const cutAt = performance.now();
    expect(rowCount()).toBe(0);
    await waitUntil(() => rowCount() > 0, { what: 'the late append', deadlineMs: ARRIVAL_MS });
    expect(performance.now() - cutAt).toBeGreaterThan(LATE_MS / 2);
  });

  it('appends nothing late to a stream that was finalized in the meantime', async () => {
    add({ kind: 'land-late', ms: LATE_MS });
    expect(await (await connect()).append([row(0)], 0)).toEqual(LOST);
    expect(await finalize()).toBe(0);
    expect(setup.server.counts.waiting).toBe(1);
    await waitForAppends();
    expect(await finalize()).toBe(0);
  });

  it('cuts the connection without appending rows', async () => {
    add({ kind: 'cut', cut: 'socket' });
    const call = await connect();
    expect(await Promise.all([call.append([row(0)], 0), call.append([row(1)], 1)])).toEqual([LOST, LOST]);
    await waitForAppends();
    expect(await finalize()).toBe(0);
  });

  it('rejects appends with rows that have a given value, until the rule is removed', async () => {
    const id = add({ kind: 'reject-rows', column: 'name', equals: 'row 1' }, { times: 0 });
    const call = await connect();
    expect(await call.append([row(0), row(1), row(2)], 0)).toEqual({
      error: { code: status.INVALID_ARGUMENT },
      rejected: [1],
    });
    expect(await call.append([row(0), row(2)], 0)).toEqual(LANDED);
    expect(setup.server.faults.applied(id)).toBe(1);
    setup.server.faults.remove(id);
    expect(await call.append([row(1)], 2)).toEqual({ offset: 2 });
  });

  it('fails unary calls, loses their answers and delays them', async () => {
    setup.server.faults.add({ on: 'CreateWriteStream', fault: { kind: 'fail', code: 'RESOURCE_EXHAUSTED' } });
    await expect(createStream()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    setup.server.faults.add({ on: 'FinalizeWriteStream', fault: { kind: 'lose-answer' } });
    await expect(finalize()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(await (await connect()).append([row(0)], 0)).toMatchObject({ error: { code: status.FAILED_PRECONDITION } });
    setup.server.faults.add({ on: 'FinalizeWriteStream', fault: { kind: 'delay', ms: 300 } });
    const startedAt = performance.now();
    expect(await finalize()).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(295);
  });

  it('applies a rule only to the streams that it names, and only the given number of times', async () => {
    const other = add({ kind: 'cut' }, { stream: 'tables/other' });
    const twice = add({ kind: 'fail', code: 'ABORTED', inBand: true }, { times: 2 });
    const call = await connect();
    const codes: unknown[] = [];
    for (let attempt = 0; attempt < 3; attempt++) codes.push((await call.append([row(0)], 0)).error?.code);
    expect(codes).toEqual([status.ABORTED, status.ABORTED, undefined]);
    expect([setup.server.faults.applied(other), setup.server.faults.applied(twice)]).toEqual([0, 2]);
  });

  it('forgets all streams, and drops appends in flight to them', async () => {
    const late = 9_001;
    add({ kind: 'land-late', ms: LATE_MS });
    const call = await connect();
    expect(await call.append([row(late)], 0)).toEqual(LOST);
    setup.server.backend.forgetStreams();
    await expect(finalize()).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(await (await connect()).append([row(0)], 0)).toEqual({ ended: status.NOT_FOUND });
    stream = await createStream();
    expect(await (await connect()).append([row(0)], 0)).toEqual(LANDED);
    expect(setup.server.counts.waiting).toBe(1);
    await waitForAppends();
    expect(setup.memory.table(TABLE).rows.map(({ id }) => id)).not.toContain(late);
  });

  it('takes rules over HTTP, lists and removes them, and rejects a wrong one', async () => {
    const control = await startControlServer(setup.server, 0);
    const ask = async (method: string, path: string, body?: unknown): Promise<{ code: number; answer: unknown }> => {
      const response = await fetch(`${control.url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { code: response.status, answer: await response.json() };
    };
    try {
      const rule = { on: 'AppendRows', fault: { kind: 'fail', code: 'UNAVAILABLE' } };
      const { answer } = await ask('POST', '/faults', rule);
      expect(await (await connect()).append([row(0)], 0)).toEqual(LOST);
      expect((await ask('GET', '/faults')).answer).toMatchObject([{ ...(answer as object), ...rule, applied: 1 }]);
      expect((await ask('POST', '/faults', { on: 'AppendRows', fault: { kind: 'typo' } })).code).toBe(400);
      await ask('DELETE', '/faults');
      expect((await ask('GET', '/faults')).answer).toEqual([]);
    } finally {
      control.stop();
    }
  });
});

describe('limits of the Write API server', () => {
  let now = 0;
  let setup: Setup;
  beforeEach(async () => {
    now = 0;
    setup = await start(false, { now: () => now, maxStreamsPerHour: 2, maxConnections: 1, streamTtlMs: 1_000 });
  });
  afterEach(() => setup.stop());
  const create = async (): Promise<string> => {
    const [{ name }] = await setup.client.createWriteStream(
      { parent: TABLE, writeStream: { type: 'COMMITTED' } },
      { retry: null },
    );
    return name ?? '';
  };

  it('rejects more new streams within an hour than allowed', async () => {
    await create();
    await create();
    now = 3_599_999;
    await expect(create()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    now = 3_600_000;
    expect(await create()).not.toBe('');
  });

  it('ends more concurrent connections than allowed', async () => {
    const stream = await create();
    const call = await AppendCall.open(setup.client, stream, SCHEMA);
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    const second = await AppendCall.open(setup.client, stream, SCHEMA);
    expect(await second.append([row(1)], 1)).toEqual({ ended: status.RESOURCE_EXHAUSTED });
    expect(await call.append([row(1)], 1)).toEqual({ offset: 1 });
  });

  it('deletes a stream that was idle for longer than its time to live', async () => {
    const idle = await create();
    const call = await AppendCall.open(setup.client, await create(), SCHEMA);
    now = 900;
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    now = 1_001;
    await expect(setup.client.getWriteStream({ name: idle })).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(await call.append([row(1)], 1)).toEqual({ offset: 1 });
    now += 1_001;
    expect(await call.append([row(2)], 2)).toEqual({ ended: status.NOT_FOUND });
  });
});

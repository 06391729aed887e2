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

/** A machine with other work to do is slow. */
jest.setTimeout(30_000);
const ARRIVAL_MS = 20_000;
/** Much later than an answer is, on such a machine too. */
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
  const landed = (count: number): Promise<true> =>
    waitUntil(async () => (await rowsOf(stream)) === count, {
      what: `${count} rows in the stream`,
      deadlineMs: ARRIVAL_MS,
    }).then(() => true as const);
  const rowsOf = (name: string): Promise<number> => Promise.resolve(setup.memory.stream(name).rowCount);

  it('answers late', async () => {
    add({ kind: 'delay', ms: 1_000 }, { times: 0 });
    const call = await connect();
    const begun = performance.now();
    const answeredMs = (offset: number): Promise<number> =>
      call.append([row(offset)], offset).then((answer) => {
        expect(answer).toEqual({ offset });
        return performance.now() - begun;
      });
    const [first, second] = await Promise.all([answeredMs(0), answeredMs(1)]);
    expect(first).toBeGreaterThanOrEqual(995); // a timer may come up to 2 ms early
    expect(second - first).toBeLessThan(995); // late by the same time, not one behind the other
  });

  it('fails an append, within the connection or with it, and lands nothing', async () => {
    add({ kind: 'fail', code: 'RESOURCE_EXHAUSTED', inBand: true });
    add({ kind: 'fail', code: 'INTERNAL' }, { skip: 1 });
    const call = await connect();
    expect(await call.append([row(0)], 0)).toEqual({ error: { code: status.RESOURCE_EXHAUSTED } });
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    expect(await call.append([row(1)], 1)).toEqual({ ended: status.INTERNAL });
    expect(await finalize()).toBe(1);
  });

  it.each(['call', 'socket'] as const)('lands rows and loses the answer with the %s', async (cut) => {
    add({ kind: 'lose-answer', cut }, { skip: 1 });
    const call = await connect();
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    expect(await call.append([row(1), row(2)], 1)).toEqual(LOST);
    expect(await landed(3)).toBe(true);
    expect(await (await connect()).append([row(9)], 1)).toMatchObject({ error: { code: status.ALREADY_EXISTS } });
  });

  it.each([
    [true, 2],
    [false, 0],
  ])('never answers, and lands rows: %s', async (lands, count) => {
    add({ kind: 'never-answer', lands });
    const call = await connect();
    const answers: unknown[] = [];
    void call.append([row(0)], 0).then((answer) => answers.push(answer));
    void call.append([row(1)], lands ? 1 : 0).then((answer) => answers.push(answer));
    await waitUntil(() => setup.server.counts.waiting === 2, {
      what: 'both appends to arrive',
      deadlineMs: ARRIVAL_MS,
    });
    if (lands) await landed(count);
    expect(answers).toEqual([]);
    call.cancel();
  });

  it('lands appends late, in order, when the connection is long cut', async () => {
    add({ kind: 'land-late', ms: LATE_MS });
    const call = await connect();
    const [first, second] = [call.append([row(0)], 0), call.append([row(1)], 1)];
    expect([await first, await second]).toEqual([LOST, LOST]);
    expect(await rowsOf(stream)).toBe(0);
    await waitUntil(async () => (await rowsOf(stream)) > 0, { what: 'the late append', deadlineMs: ARRIVAL_MS });
  });

  it('lets a finalize end what would land late', async () => {
    add({ kind: 'land-late', ms: LATE_MS });
    expect(await (await connect()).append([row(0)], 0)).toEqual(LOST);
    expect(await finalize()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, LATE_MS + 100));
    expect(await finalize()).toBe(0);
  });

  it('cuts the connection before anything lands', async () => {
    add({ kind: 'cut', cut: 'socket' });
    const call = await connect();
    expect(await Promise.all([call.append([row(0)], 0), call.append([row(1)], 1)])).toEqual([LOST, LOST]);
    expect(await finalize()).toBe(0);
  });

  it('rejects rows by their content, with their append, until told otherwise', async () => {
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

  it('fails, loses and delays the other calls too', async () => {
    setup.server.faults.add({ on: 'CreateWriteStream', fault: { kind: 'fail', code: 'RESOURCE_EXHAUSTED' } });
    await expect(createStream()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    setup.server.faults.add({ on: 'FinalizeWriteStream', fault: { kind: 'lose-answer' } });
    await expect(finalize()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(await (await connect()).append([row(0)], 0)).toMatchObject({ error: { code: status.FAILED_PRECONDITION } });
  });

  it('concerns only the streams that it names, and as often as it says', async () => {
    const other = add({ kind: 'cut' }, { stream: 'tables/other' });
    const twice = add({ kind: 'fail', code: 'ABORTED', inBand: true }, { times: 2 });
    const call = await connect();
    const codes: unknown[] = [];
    for (let turn = 0; turn < 3; turn++) codes.push((await call.append([row(0)], 0)).error?.code);
    expect(codes).toEqual([status.ABORTED, status.ABORTED, undefined]);
    expect([setup.server.faults.applied(other), setup.server.faults.applied(twice)]).toEqual([0, 2]);
  });

  it('forgets the streams that there are, also for appends on their way', async () => {
    add({ kind: 'land-late', ms: 300 });
    const call = await connect();
    expect(await call.append([row(0)], 0)).toEqual(LOST);
    setup.server.backend.forgetStreams();
    await expect(finalize()).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(await (await connect()).append([row(0)], 0)).toEqual({ ended: status.NOT_FOUND });
    stream = await createStream();
    expect(await (await connect()).append([row(0)], 0)).toEqual(LANDED);
  });

  it('is told by another process', async () => {
    const control = await startControlServer(setup.server, 0);
    const ask = async (method: string, path: string, body?: unknown): Promise<{ code: number; answer: unknown }> => {
      const response = await fetch(`${control.url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { code: response.status, answer: await response.json() };
    };
    const rule = { on: 'AppendRows', fault: { kind: 'fail', code: 'UNAVAILABLE' } };
    const { answer } = await ask('POST', '/faults', rule);
    expect(await (await connect()).append([row(0)], 0)).toEqual(LOST);
    expect((await ask('GET', '/faults')).answer).toMatchObject([{ ...(answer as object), ...rule, applied: 1 }]);
    expect((await ask('POST', '/faults', { on: 'AppendRows', fault: { kind: 'typo' } })).code).toBe(400);
    await ask('DELETE', '/faults');
    expect((await ask('GET', '/faults')).answer).toEqual([]);
    control.stop();
  });
});

describe('limits of the Write API server', () => {
  it('counts streams by the hour, connections at once, and forgets idle streams', async () => {
    let now = 0;
    const options = { now: () => now, maxStreamsPerHour: 2, maxConnections: 1, streamTtlMs: 1_000 };
    const { client, stop } = await start(false, options);
    const create = async (): Promise<string> => {
      const [{ name }] = await client.createWriteStream(
        { parent: TABLE, writeStream: { type: 'COMMITTED' } },
        { retry: null },
      );
      return name ?? '';
    };
    const stream = await create();
    await create();
    await expect(create()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    now = 3_600_000;
    await expect(client.getWriteStream({ name: stream })).rejects.toMatchObject({ code: status.NOT_FOUND });
    const fresh = await create();
    const call = await AppendCall.open(client, fresh, SCHEMA);
    expect(await call.append([row(0)], 0)).toEqual(LANDED);
    const second = await AppendCall.open(client, fresh, SCHEMA);
    expect(await second.append([row(1)], 1)).toEqual({ ended: status.RESOURCE_EXHAUSTED });
    now += 900;
    expect(await call.append([row(1)], 1)).toEqual({ offset: 1 });
    now += 1_001;
    expect(await call.append([row(2)], 2)).toEqual({ ended: status.NOT_FOUND });
    await stop();
  });
});

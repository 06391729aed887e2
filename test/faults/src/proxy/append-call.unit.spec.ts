import { Duplex } from 'node:stream';

import { protos } from '@google-cloud/bigquery-storage';
import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { waitUntil } from '@orderstream/deadlines';

import { AppendCall, type AppendFaultContext } from './append-call';
import { type AppendFault, NO_FAULT } from './append-fault';
import { OutOfOrderAppends } from './out-of-order-appends';

const { AppendRowsRequest, AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;

const STREAM = 'projects/p/datasets/d/tables/order_events/streams/s';

const append = (offset: number, changes: { rows?: number; schema?: string } = {}): Buffer =>
  Buffer.from(
    AppendRowsRequest.encode({
      writeStream: STREAM,
      offset: { value: offset },
      protoRows: {
        ...(changes.schema === undefined ? {} : { writerSchema: { protoDescriptor: { name: changes.schema } } }),
        rows: { serializedRows: Array.from({ length: changes.rows ?? 2 }, () => Buffer.of(1)) },
      },
    }).finish(),
  );

/** What the client of a call gets, in words. */
function describeResponse(response: Buffer): string {
  const { error, rowErrors } = AppendRowsResponse.decode(response);
  if (!error) return 'ok';
  const rows = rowErrors.map(({ index }) => Number(index)).join(' and ');
  return `${String(status[error.code ?? 0])}${rows === '' ? '' : ` for row ${rows}`}`;
}

/** A context, calls through it, what they forward and what their clients get. The upstream accepts every append. */
class Proxied {
  readonly forwarded: Buffer[] = [];
  readonly context: AppendFaultContext;

  constructor(fault: AppendFault) {
    const context = {
      fault,
      outOfOrder: fault.kind === 'out-of-order' ? new OutOfOrderAppends(fault) : undefined,
      rejectedRows: 0,
      affected: 0,
      clear() {
        context.fault = NO_FAULT;
      },
    };
    this.context = context;
  }

  call(): { readonly client: Duplex; readonly replies: string[] } {
    const replies: string[] = [];
    const client = new Duplex({
      objectMode: true,
      read: () => undefined,
      write: (response: Buffer, _, done) => {
        replies.push(describeResponse(response));
        done();
      },
    });
    client.on('error', ({ code }: Error & { code?: number }) =>
      replies.push(`call ended by ${String(status[code ?? 0])}`),
    );
    const upstream = new Duplex({
      objectMode: true,
      read: () => undefined,
      write: (request: Buffer, _, done) => {
        this.forwarded.push(request);
        upstream.push(Buffer.from(AppendRowsResponse.encode({ appendResult: {} }).finish()));
        done();
      },
    });
    new AppendCall(
      client as unknown as ServerDuplexStream<Buffer, Buffer>,
      upstream as unknown as ClientDuplexStream<Buffer, Buffer>,
      this.context,
    ).start();
    return { client, replies };
  }

  /** Offsets of the appends that were forwarded. */
  get offsets(): number[] {
    return this.forwarded.map((request) => Number(AppendRowsRequest.decode(request).offset?.value ?? 0));
  }
}

const until = (what: string, condition: () => boolean): Promise<true> =>
  waitUntil(condition, { what, deadlineMs: 2_000, intervalMs: 1 });
const settled = async (): Promise<void> => {
  for (let tick = 0; tick < 5; tick++) await new Promise((resolve) => setImmediate(resolve));
};

describe('an append fault', () => {
  it.each<readonly [AppendFault, number, number, readonly string[]]>([
    [NO_FAULT, 0, 2, ['ok', 'ok']],
    [{ kind: 'slow', ms: 5 }, 2, 2, ['ok', 'ok']],
    [{ kind: 'late', ms: 5 }, 2, 2, ['ok', 'ok']],
    [{ kind: 'failing', code: status.UNAVAILABLE }, 2, 0, ['call ended by UNAVAILABLE']],
    [{ kind: 'failing', code: status.RESOURCE_EXHAUSTED }, 2, 0, ['call ended by RESOURCE_EXHAUSTED']],
    [{ kind: 'acks-lost' }, 2, 2, ['call ended by UNAVAILABLE']],
    [{ kind: 'acks-never' }, 2, 2, []],
    [{ kind: 'already-exists' }, 2, 2, ['ALREADY_EXISTS', 'ALREADY_EXISTS']],
    [{ kind: 'rejecting', appends: 1, rows: () => [0] }, 1, 1, ['INVALID_ARGUMENT for row 0', 'ok']],
    [{ kind: 'rejecting', appends: 1, rows: () => [] }, 0, 2, ['ok', 'ok']],
  ])('%j affects %d of two appends, forwards %d and answers %j', async (fault, affected, forwarded, expected) => {
    const proxied = new Proxied({ ...fault });
    const { client, replies } = proxied.call();
    for (const offset of [0, 2]) client.push(append(offset));
    await until('the appends', () => proxied.forwarded.length >= forwarded && replies.length >= expected.length);
    await settled();
    expect({ affected: proxied.context.affected, offsets: proxied.offsets, replies }).toEqual({
      affected,
      offsets: [0, 2].slice(2 - forwarded),
      replies: expected,
    });
  });

  it.each(['slow', 'late'] as const)('%s holds an append for its time', async (kind) => {
    const proxied = new Proxied({ kind, ms: 50 });
    const startedAt = performance.now();
    proxied.call().client.push(append(0));
    await until('the append to be forwarded', () => proxied.forwarded.length > 0);
    // Timers count whole milliseconds, and may fire early by as much.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(45);
  });

  it('forwards a held append although its client has cancelled the call', async () => {
    const proxied = new Proxied({ kind: 'late', ms: 5 });
    const { client } = proxied.call();
    client.push(append(0));
    await settled();
    client.emit('cancelled');
    await until('the append to be forwarded', () => proxied.forwarded.length > 0);
  });

  it('forwards the schema of a rejected first request with the next one, in one message', async () => {
    const proxied = new Proxied({ kind: 'rejecting', appends: 1, rows: () => [1] });
    const { client, replies } = proxied.call();
    client.push(append(0, { schema: 'order_placed' }));
    for (const offset of [0, 2]) client.push(append(offset));
    await until('all answers', () => replies.length === 3);
    // Concatenated encodings are the encoding of the merged message (Protocol Buffers, Encoding: Last One Wins).
    const schema = AppendRowsRequest.encode({
      protoRows: { writerSchema: { protoDescriptor: { name: 'order_placed' } } },
    }).finish();
    expect(proxied.forwarded).toEqual([Buffer.concat([schema, append(0)]), append(2)]);
  });

  it('out-of-order rejects one append and forwards those behind it when their offset is the end of the stream', async () => {
    const proxied = new Proxied({ kind: 'out-of-order', delayMs: 60_000, table: 'order_events' });
    const first = proxied.call();
    for (const offset of [0, 2]) first.client.push(append(offset));
    await settled();
    expect(first.replies).toEqual(['INVALID_ARGUMENT for row 0 and 1']);
    expect(proxied.offsets).toEqual([]);
    expect(proxied.context.outOfOrder?.haveLanded).toBe(false);
    const second = proxied.call();
    second.client.push(append(0, { rows: 1 }));
    await settled();
    expect(proxied.offsets).toEqual([0]);
    expect(proxied.context.outOfOrder?.haveLanded).toBe(false);
    second.client.push(append(1, { rows: 1 }));
    await until('the delayed append to be answered', () => first.replies.length === 2);
    expect(proxied.offsets).toEqual([0, 1, 2]);
    expect(second.replies).toEqual(['ok', 'ok']);
    expect(proxied.context.outOfOrder?.haveLanded).toBe(true);
  });

  it('out-of-order forwards a delayed append after its time whatever the end of the stream is', async () => {
    const proxied = new Proxied({ kind: 'out-of-order', delayMs: 5, table: 'order_events' });
    const { client, replies } = proxied.call();
    for (const offset of [0, 2]) client.push(append(offset));
    await until('the delayed append to be answered', () => replies.length === 2);
    expect(proxied.offsets).toEqual([2]);
  });
});

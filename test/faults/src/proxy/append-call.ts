import { protos } from '@google-cloud/bigquery-storage';
import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';

import { type AppendFault } from './append-fault';
import { type AppendTarget, type OutOfOrderAppends, targetOf } from './out-of-order-appends';

const { AppendRowsRequest, AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;

/** What all calls of a proxy share. */
export interface AppendFaultContext {
  readonly fault: AppendFault;
  /** Undefined unless the fault is `out-of-order`. */
  readonly outOfOrder: OutOfOrderAppends | undefined;
  /** Rows that the proxy has rejected. */
  rejectedRows: number;
  /** Calls and appends that a fault has affected. */
  affected: number;
  /** Ends the fault. */
  clear(): void;
}

/** What the client gets for a request. */
type Reply = 'answer' | 'break' | 'nothing' | 'already-exists' | { readonly reject: readonly number[] };

/** One AppendRows call. Requests are forwarded in their order, and answered in their order. */
export class AppendCall {
  /** Of each request that is not answered yet. */
  private readonly replies: Reply[] = [];
  /** Called one after the other as the emulator answers. */
  private readonly waiters: (() => void)[] = [];
  /** Ends when the requests before are forwarded. */
  private queue = Promise.resolve();
  private isOver = false;
  /** The schema of the rows, from the connection's first request, until the emulator has it. */
  private schema: Buffer | undefined;

  constructor(
    private readonly call: ServerDuplexStream<Buffer, Buffer>,
    private readonly upstream: ClientDuplexStream<Buffer, Buffer>,
    private readonly context: AppendFaultContext,
  ) {}

  start(): void {
    const { call, upstream } = this;
    call.on('data', (request: Buffer) => {
      this.onRequest(request);
    });
    call.on('end', () => {
      this.finishUpstream();
      void this.queue.then(() => {
        this.end();
      });
    });
    call.on('cancelled', () => {
      this.isOver = true;
      this.finishUpstream();
    });
    call.on('error', ignore);
    upstream.on('data', (answer: Buffer) => {
      this.onAnswer(answer);
    });
    upstream.on('error', (error: Error & { code?: number }) => {
      this.fail(error.code ?? status.UNKNOWN, error.message);
    });
    upstream.on('end', () => {
      this.end();
    });
  }

  private onRequest(request: Buffer): void {
    const { fault, outOfOrder } = this.context;
    if (fault.kind === 'failing') {
      this.context.affected++;
      this.fail(fault.code, `${status[fault.code]} injected by the fault suite`);
      return;
    }
    if (outOfOrder !== undefined) {
      const target = targetOf(request);
      if (outOfOrder.affects(this, target)) {
        this.onAffectedRequest(outOfOrder, target, request);
        return;
      }
    }
    const reply = this.replyTo(request);
    const holdMs = fault.kind === 'slow' || fault.kind === 'late' ? fault.ms : 0;
    if (reply !== 'answer' || holdMs > 0) this.context.affected++;
    this.replies.push(reply);
    if (typeof reply === 'object') {
      this.sendRejections();
      return;
    }
    const dueAt = performance.now() + holdMs;
    this.queue = this.queue.then(async () => {
      const leftMs = dueAt - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      this.forward(request);
    });
  }

  /** Puts the schema of a rejected first request before the next one: concatenated protobuf messages merge. */
  private forward(request: Buffer): void {
    this.upstream.write(this.schema === undefined ? request : Buffer.concat([this.schema, request]));
    this.schema = undefined;
  }

  private saveSchema(request: Buffer): void {
    const { writerSchema } = AppendRowsRequest.decode(request).protoRows ?? {};
    if (writerSchema) this.schema = Buffer.from(AppendRowsRequest.encode({ protoRows: { writerSchema } }).finish());
  }

  private onAffectedRequest(outOfOrder: OutOfOrderAppends, target: AppendTarget, request: Buffer): void {
    this.context.affected++;
    if (outOfOrder.rejects(this, target)) {
      this.replies.push({ reject: Array.from({ length: target.rows }, (_, index) => index) });
      this.context.rejectedRows += target.rows;
      this.saveSchema(request);
      this.sendRejections();
      return;
    }
    this.replies.push('answer');
    const send = (): Promise<void> =>
      new Promise((resolve) => {
        this.waiters.push(resolve);
        this.forward(request);
      });
    if (outOfOrder.delays(this)) outOfOrder.delay({ ...target, send });
    // Requests that follow on this connection wait too, also when the fault has ended.
    else this.queue = Promise.all([this.queue, outOfOrder.sendInOrder(target, send)]).then(() => undefined);
  }

  private replyTo(request: Buffer): Reply {
    const { fault } = this.context;
    switch (fault.kind) {
      case 'acks-lost':
        return 'break';
      case 'acks-never':
        return 'nothing';
      case 'already-exists':
        return 'already-exists';
      case 'rejecting': {
        const rows = AppendRowsRequest.decode(request).protoRows?.rows?.serializedRows?.length ?? 0;
        const reject = fault.rows(rows);
        if (--fault.appends <= 0) this.context.clear();
        this.context.rejectedRows += reject.length;
        if (reject.length > 0) this.saveSchema(request);
        return reject.length === 0 ? 'answer' : { reject };
      }
      default:
        return 'answer';
    }
  }

  private onAnswer(answer: Buffer): void {
    const reply = this.replies.shift();
    this.waiters.shift()?.();
    switch (reply) {
      case 'nothing':
        break;
      case 'break':
        this.fail(status.UNAVAILABLE, 'the connection was closed before the response');
        break;
      case 'already-exists': {
        const error = { code: status.ALREADY_EXISTS, message: 'The offset is before the end of the stream' };
        this.send(Buffer.from(AppendRowsResponse.encode({ error }).finish()));
        break;
      }
      default:
        this.send(answer);
    }
    this.sendRejections();
  }

  /** Rejections are answered here, once every request before them is. */
  private sendRejections(): void {
    for (;;) {
      const [reply] = this.replies;
      if (typeof reply !== 'object') return;
      this.replies.shift();
      const error = { code: status.INVALID_ARGUMENT, message: 'Errors found while processing rows' };
      const rowErrors = reply.reject.map((index) => ({
        index,
        code: 1 as const,
        message: 'rejected by the fault suite',
      }));
      this.send(Buffer.from(AppendRowsResponse.encode({ error, rowErrors }).finish()));
    }
  }

  private send(answer: Buffer): void {
    if (!this.isOver) this.call.write(answer);
  }

  private fail(code: number, details: string): void {
    for (const waiter of this.waiters.splice(0)) waiter();
    if (this.isOver) return;
    this.isOver = true;
    this.call.emit('error', { code, details });
    this.finishUpstream();
  }

  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.call.end();
  }

  /** Closes the upstream call behind the requests that were received: they reach the table though their sender is gone. */
  private finishUpstream(): void {
    // Delayed appends need the connection. The server closes it in the end.
    if (this.context.outOfOrder?.delays(this) === true) return;
    void this.queue.then(() => {
      this.upstream.end();
    });
  }
}

function ignore(): void {
  // 'cancelled' reports the end of the call.
}

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { protos } from '@google-cloud/bigquery-storage';

import { type AppendOutcome, type AppendErrorReason, appendOutcome, reasonOfCall } from './append-outcome';
import { encodeAppendRequest, encodeHead, MAX_REQUEST_BYTES } from './append-request';
import type { RowBuffer } from './row-buffer';

export type AppendStream = ClientDuplexStream<Buffer, protos.google.cloud.bigquery.storage.v1.AppendRowsResponse>;

export interface AppendConnectionOptions {
  /** Full name of the write stream. */
  readonly stream: string;
  /** ProtoSchema of the rows. */
  readonly schema: Buffer;
  /** An append without an answer for this long is lost, and the connection with it. */
  readonly appendTimeoutMs: number;
  /** Appends that may wait for their answer at once. */
  readonly maxInFlight: number;
}

interface Waiting {
  readonly offset: number;
  readonly sentAtMs: number;
  readonly resolve: (outcome: AppendOutcome) => void;
}

/**
 * One AppendRows call: appends to one write stream, several in flight, answered in the order in which they were sent.
 *
 * Failure semantics: an append resolves, never rejects, with what is known of it. `appended` is only ever said when
 * BigQuery named the very offset that was sent. After the first answer that is no success nothing more is sent; the
 * answers to what is under way are still awaited. When the call ends or an answer is overdue, all that waits is `lost`:
 * it may have landed, or may land later. A connection is never mended: open another one, after finding out where the
 * stream ends.
 */
export class AppendConnection {
  private readonly waiting: Waiting[] = [];
  private readonly head;
  private first = true;
  private spoilt = false;
  private ended = false;
  private deadline: NodeJS.Timeout | undefined;

  constructor(
    private readonly call: AppendStream,
    private readonly options: AppendConnectionOptions,
  ) {
    this.head = {
      first: encodeHead({ stream: options.stream, schema: options.schema }),
      later: encodeHead({ stream: options.stream }),
    };
    call.on('data', (response: protos.google.cloud.bigquery.storage.v1.AppendRowsResponse) => {
      this.answered(response);
    });
    call.on('error', (error: ServiceError) => {
      this.end(reasonOfCall(error), error.message);
    });
    call.on('end', () => {
      this.end('unavailable', 'BigQuery ended the connection');
    });
  }

  get inFlight(): number {
    return this.waiting.length;
  }

  /** Whether an append may be sent now. */
  get usable(): boolean {
    return !this.spoilt && this.waiting.length < this.options.maxInFlight;
  }

  /**
   * Sends rows for `offset` of the stream.
   * @throws RangeError when the connection is not usable, or the request is over BigQuery's limit: the caller's defect.
   */
  append(rows: RowBuffer, offset: number): Promise<AppendOutcome> {
    if (!this.usable) throw new RangeError(`append to ${this.options.stream} on a connection that takes none`);
    const request = encodeAppendRequest(this.first ? this.head.first : this.head.later, offset, rows);
    if (request.length > MAX_REQUEST_BYTES) {
      throw new RangeError(`append of ${String(request.length)} bytes to ${this.options.stream}`);
    }
    this.first = false;
    return new Promise((resolve) => {
      this.waiting.push({ offset, sentAtMs: performance.now(), resolve });
      if (this.waiting.length === 1) this.armDeadline();
      this.call.write(request);
    });
  }

  /** Lets go at once: what waits is lost. */
  close(): void {
    if (this.ended) return;
    this.call.cancel();
    this.end('unavailable', 'the connection was closed');
  }

  private answered(response: protos.google.cloud.bigquery.storage.v1.AppendRowsResponse): void {
    if (this.ended) return;
    const waiting = this.waiting.shift();
    if (waiting === undefined) {
      this.fail('rejected', 'BigQuery answered more appends than were sent');
      return;
    }
    const outcome = appendOutcome(response, waiting.offset);
    if (outcome.kind !== 'appended') this.spoilt = true;
    waiting.resolve(outcome);
    if (outcome.kind === 'lost') this.fail(outcome.reason, outcome.message);
    else this.armDeadline();
  }

  /** One timer, for the oldest append: it is the first to be overdue. */
  private armDeadline(): void {
    clearTimeout(this.deadline);
    const [oldest] = this.waiting;
    if (oldest === undefined) return;
    const leftMs = oldest.sentAtMs + this.options.appendTimeoutMs - performance.now();
    this.deadline = setTimeout(() => {
      // Timers come before sockets: after a stall of this process the answer may lie unread.
      setImmediate(() => {
        if (this.waiting[0] === oldest) {
          this.fail('unavailable', `no answer within ${String(this.options.appendTimeoutMs)} ms`);
        }
      });
    }, leftMs);
  }

  private fail(reason: AppendErrorReason, message: string): void {
    this.call.cancel();
    this.end(reason, message);
  }

  private end(reason: AppendErrorReason, message: string): void {
    if (this.ended) return;
    this.ended = true;
    this.spoilt = true;
    clearTimeout(this.deadline);
    for (const { resolve } of this.waiting.splice(0)) resolve({ kind: 'lost', reason, message });
  }
}

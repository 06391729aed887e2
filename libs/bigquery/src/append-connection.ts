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
  /** When an append has no answer after this time, the connection ends and its appends are `lost`. */
  readonly appendTimeoutMs: number;
  /** Largest number of appends that wait for their answers. */
  readonly maxInFlight: number;
}

interface PendingAppend {
  readonly offset: number;
  readonly sentAtMs: number;
  readonly resolve: (outcome: AppendOutcome) => void;
}

/**
 * One AppendRows call: appends to one write stream, several in flight. BigQuery answers them in the order sent.
 *
 * Failure semantics: an append resolves with its outcome and never rejects. It is `appended` only if BigQuery answers
 * with the offset that was sent. After the first answer that is not a success, the connection takes no more appends and
 * still receives the answers to those in flight. When the call ends or an answer is overdue, all pending appends are
 * `lost`: their rows may be in the table, or arrive later. A connection is not reused after a failure. The caller finds
 * out how many rows the stream holds and opens another one.
 */
export class AppendConnection {
  private readonly pending: PendingAppend[] = [];
  private readonly head;
  private first = true;
  private failed = false;
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
      this.receive(response);
    });
    call.on('error', (error: ServiceError) => {
      this.end(reasonOfCall(error), error.message);
    });
    call.on('end', () => {
      this.end('unavailable', 'BigQuery closed the connection');
    });
  }

  get inFlight(): number {
    return this.pending.length;
  }

  /** Whether `append` may be called now. */
  get usable(): boolean {
    return !this.failed && this.pending.length < this.options.maxInFlight;
  }

  /**
   * Appends rows at `offset` of the stream.
   * @throws RangeError when the connection is not usable or the request exceeds BigQuery's limit: a defect of the caller
   */
  append(rows: RowBuffer, offset: number): Promise<AppendOutcome> {
    if (!this.usable) throw new RangeError(`append to ${this.options.stream} on a connection that is not usable`);
    const request = encodeAppendRequest(this.first ? this.head.first : this.head.later, offset, rows);
    if (request.length > MAX_REQUEST_BYTES) {
      throw new RangeError(`append of ${String(request.length)} bytes to ${this.options.stream} exceeds the limit`);
    }
    this.first = false;
    return new Promise((resolve) => {
      this.pending.push({ offset, sentAtMs: performance.now(), resolve });
      if (this.pending.length === 1) this.armDeadline();
      this.call.write(request);
    });
  }

  /** Closes the connection at once; pending appends are `lost`. */
  close(): void {
    if (this.ended) return;
    this.call.cancel();
    this.end('unavailable', 'the connection was closed');
  }

  private receive(response: protos.google.cloud.bigquery.storage.v1.AppendRowsResponse): void {
    if (this.ended) return;
    const append = this.pending.shift();
    if (append === undefined) {
      this.fail('rejected', 'BigQuery answered more appends than were sent');
      return;
    }
    const outcome = appendOutcome(response, append.offset);
    if (outcome.kind !== 'appended') this.failed = true;
    append.resolve(outcome);
    if (outcome.kind === 'lost') this.fail(outcome.reason, outcome.message);
    else this.armDeadline();
  }

  /** One timer, for the oldest append: its deadline is the first. */
  private armDeadline(): void {
    clearTimeout(this.deadline);
    const [oldest] = this.pending;
    if (oldest === undefined) return;
    const leftMs = oldest.sentAtMs + this.options.appendTimeoutMs - performance.now();
    this.deadline = setTimeout(() => {
      // Node runs timers before it reads sockets: after a stall, the answer may not have been read yet.
      setImmediate(() => {
        if (this.pending[0] === oldest) {
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
    this.failed = true;
    clearTimeout(this.deadline);
    for (const { resolve } of this.pending.splice(0)) resolve({ kind: 'lost', reason, message });
  }
}

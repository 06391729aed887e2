import { type ServerDuplexStream, status } from '@grpc/grpc-js';

import { type AppendRequest, readAppendRequest } from './append-request';
import type { AppendSession } from './backend';
import { failure, type Faults, type RequestFault } from './faults';
import { unavailable, WriteApiError } from './status';

/** Counts of the append connections of a server. */
export interface Counts {
  /** Open connections. */
  connections: number;
  requests: number;
  /** Rows of all requests, whether they were appended or not. */
  rows: number;
  bytes: number;
  /** Requests that are not answered yet. */
  waiting: number;
}

export interface AppendConnectionOptions {
  readonly call: ServerDuplexStream<Buffer, Buffer>;
  readonly session: AppendSession;
  readonly faults: Faults;
  readonly counts: Counts;
  /** Destroys the TCP connection of the call. */
  readonly cutSocket: () => void;
}

type Answer =
  { readonly kind: 'answer'; readonly response: Buffer } | { readonly kind: 'end'; readonly error: WriteApiError };

/**
 * Serves one AppendRows call. Requests are appended and answered in their order, with the delays of the faults. A
 * request that was received is appended even if the connection has ended, as it can be behind Google's front ends.
 */
export class AppendConnection {
  private stream = '';
  private landing: Promise<unknown> = Promise.resolve();
  private answering: Promise<unknown> = Promise.resolve();
  /** No more answers are sent. */
  private ended = false;
  /** No more requests are appended. */
  private dropping = false;

  constructor(private readonly options: AppendConnectionOptions) {}

  serve(): void {
    const { call, counts, session } = this.options;
    counts.connections++;
    call.on('data', (bytes: Buffer) => this.receive(bytes));
    call.on('error', () => this.stopAnswering());
    call.on('cancelled', () => this.stopAnswering());
    call.on('end', () => {
      void this.answering.then(() => {
        this.ended = true;
        call.end();
      });
    });
    call.once('close', () => {
      this.stopAnswering();
      counts.connections--;
      void this.landing.then(() => session.close());
    });
  }

  private receive(bytes: Buffer): void {
    const { counts, faults } = this.options;
    let request: AppendRequest;
    try {
      request = readAppendRequest(bytes);
    } catch (error) {
      this.ended = true;
      this.options.call.emit('error', new WriteApiError(status.INVALID_ARGUMENT, String(error)).toStatus());
      return;
    }
    this.stream = request.stream ?? this.stream;
    counts.requests++;
    counts.rows += request.rowCount;
    counts.bytes += bytes.length;
    counts.waiting++;
    const { delayMs, fault } = faults.next('AppendRows', this.stream);
    const dueAtMs = performance.now() + delayMs;
    const answer = this.land(request, fault);
    this.landing = answer;
    this.answering = this.answering.then(async () => {
      const result = await answer;
      const leftMs = dueAtMs - performance.now();
      if (delayMs > 0 && leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      await this.sendAnswer(result, fault);
      counts.waiting--;
    });
  }

  /** Appends the request after those before it, unless a fault prevents that. */
  private async land(request: AppendRequest, fault: RequestFault | undefined): Promise<Answer> {
    const before = this.landing;
    const { session, faults } = this.options;
    const stream = this.stream;
    if (fault?.kind === 'land-late') {
      this.cut(fault.cut);
      await before;
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
    } else await before;
    if (this.dropping) return { kind: 'end', error: unavailable('dropped by a fault') };
    if (fault?.kind === 'cut') {
      this.dropping = true;
      return { kind: 'end', error: unavailable('cut by a fault') };
    }
    if (fault?.kind === 'fail' && !fault.inBand) {
      this.dropping = true;
      return { kind: 'end', error: failure(fault) };
    }
    try {
      if (fault?.kind === 'fail') {
        session.skip(request);
        return { kind: 'answer', response: failure(fault).inBand(stream) };
      }
      if (fault?.kind === 'never-answer' && !fault.lands) {
        session.skip(request);
        return { kind: 'answer', response: Buffer.alloc(0) };
      }
      return { kind: 'answer', response: await session.append(request, faults.rowCheck(stream)) };
    } catch (error) {
      // The call ends, so later requests are not read.
      this.dropping = true;
      return { kind: 'end', error: error instanceof WriteApiError ? error : unavailable(String(error)) };
    }
  }

  private async sendAnswer(result: Answer, fault: RequestFault | undefined): Promise<void> {
    if (this.ended) return;
    const { call } = this.options;
    if (fault?.kind === 'lose-answer' || fault?.kind === 'cut') this.cut(fault.cut);
    else if (fault?.kind === 'never-answer') {
      await new Promise((resolve) => {
        if (call.destroyed || call.cancelled) resolve(undefined);
        call.once('close', resolve);
        call.once('cancelled', resolve);
      });
    } else if (result.kind === 'end') {
      this.ended = true;
      call.emit('error', result.error.toStatus());
    } else call.write(result.response);
  }

  private cut(what: 'call' | 'socket'): void {
    if (this.ended) return;
    this.ended = true;
    if (what === 'socket') this.options.cutSocket();
    else this.options.call.emit('error', unavailable('cut by a fault').toStatus());
  }

  /** Requests that were received are still appended. */
  private stopAnswering(): void {
    this.ended = true;
  }
}

import { type ServerDuplexStream, status } from '@grpc/grpc-js';

import { type AppendRequest, readAppendRequest } from './append-request';
import type { AppendSession } from './backend';
import { type Accident, failure, type Faults } from './faults';
import { unavailable, WriteApiError } from './status';

/** What a server has seen. */
export interface Counts {
  connections: number;
  requests: number;
  /** In requests, whether they landed or not. */
  rows: number;
  bytes: number;
  /** Appends without an answer yet. */
  waiting: number;
}

export interface AppendConnectionParts {
  readonly call: ServerDuplexStream<Buffer, Buffer>;
  readonly session: AppendSession;
  readonly faults: Faults;
  readonly counts: Counts;
  /** Cuts the TCP connection that the call came on. */
  readonly cutSocket: () => void;
}

type Answer =
  { readonly kind: 'answer'; readonly response: Buffer } | { readonly kind: 'end'; readonly error: WriteApiError };

/**
 * Serves one AppendRows call. Requests land one after the other, and are answered one after the other, each as late as
 * faults have it: what was received lands also when the writer is gone, as on the way through Google's front ends.
 */
export class AppendConnection {
  private stream = '';
  private landing: Promise<unknown> = Promise.resolve();
  private answering: Promise<unknown> = Promise.resolve();
  /** Nothing is answered any more. */
  private over = false;
  /** Nothing lands any more. */
  private dropping = false;

  constructor(private readonly parts: AppendConnectionParts) {}

  serve(): void {
    const { call, counts, session } = this.parts;
    counts.connections++;
    call.on('data', (bytes: Buffer) => this.receive(bytes));
    call.on('error', () => this.leave());
    call.on('cancelled', () => this.leave());
    call.on('end', () => {
      void this.answering.then(() => {
        this.over = true;
        call.end();
      });
    });
    call.once('close', () => {
      this.leave();
      counts.connections--;
      void this.landing.then(() => session.close());
    });
  }

  private receive(bytes: Buffer): void {
    const { counts, faults } = this.parts;
    let request: AppendRequest;
    try {
      request = readAppendRequest(bytes);
    } catch (error) {
      this.over = true;
      this.parts.call.emit('error', new WriteApiError(status.INVALID_ARGUMENT, String(error)).toStatus());
      return;
    }
    this.stream = request.stream ?? this.stream;
    counts.requests++;
    counts.rows += request.rowCount;
    counts.bytes += bytes.length;
    counts.waiting++;
    const { delayMs, accident } = faults.next('AppendRows', this.stream);
    const dueAtMs = performance.now() + delayMs;
    const answer = this.land(request, accident);
    this.landing = answer;
    this.answering = this.answering.then(async () => {
      const result = await answer;
      const leftMs = dueAtMs - performance.now();
      if (delayMs > 0 && leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      await this.settle(result, accident);
      counts.waiting--;
    });
  }

  /** Lets the request land behind those before it, if it does. */
  private async land(request: AppendRequest, accident: Accident | undefined): Promise<Answer> {
    const before = this.landing;
    const { session, faults } = this.parts;
    const stream = this.stream;
    if (accident?.kind === 'land-late') {
      this.cut(accident.cut);
      await before;
      await new Promise((resolve) => setTimeout(resolve, accident.ms));
    } else await before;
    if (this.dropping) return { kind: 'end', error: unavailable('dropped by a fault') };
    if (accident?.kind === 'cut') {
      this.dropping = true;
      return { kind: 'end', error: unavailable('cut by a fault') };
    }
    if (accident?.kind === 'fail' && !accident.inBand) {
      this.dropping = true;
      return { kind: 'end', error: failure(accident) };
    }
    try {
      if (accident?.kind === 'fail') {
        session.skip(request);
        return { kind: 'answer', response: failure(accident).inBand(stream) };
      }
      if (accident?.kind === 'never-answer' && !accident.lands) {
        session.skip(request);
        return { kind: 'answer', response: Buffer.alloc(0) };
      }
      return { kind: 'answer', response: await session.append(request, faults.rejecting(stream)) };
    } catch (error) {
      // The call has ended: what is behind was never looked at.
      this.dropping = true;
      return { kind: 'end', error: error instanceof WriteApiError ? error : unavailable(String(error)) };
    }
  }

  private async settle(result: Answer, accident: Accident | undefined): Promise<void> {
    if (this.over) return;
    const { call } = this.parts;
    if (accident?.kind === 'lose-answer' || accident?.kind === 'cut') this.cut(accident.cut);
    else if (accident?.kind === 'never-answer') {
      await new Promise((resolve) => {
        if (call.destroyed || call.cancelled) resolve(undefined);
        call.once('close', resolve);
        call.once('cancelled', resolve);
      });
    } else if (result.kind === 'end') {
      this.over = true;
      call.emit('error', result.error.toStatus());
    } else call.write(result.response);
  }

  private cut(what: 'call' | 'socket'): void {
    if (this.over) return;
    this.over = true;
    if (what === 'socket') this.parts.cutSocket();
    else this.parts.call.emit('error', unavailable('cut by a fault').toStatus());
  }

  /** The writer is gone; what it sent still lands. */
  private leave(): void {
    this.over = true;
  }
}

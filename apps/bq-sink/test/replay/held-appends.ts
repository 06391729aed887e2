import { protos } from '@google-cloud/bigquery-storage';

import type { AppendRequest } from '../../../../test/write-api-server/src/append-request';
import type { AppendSession, RowCheck, UnaryMethod, WriteBackend } from '../../../../test/write-api-server/src/backend';
import type { MemoryBackend } from '../../../../test/write-api-server/src/memory-backend';
import { RowDecoder } from '../../../../test/write-api-server/src/row-decoder';
import type { WriteStream } from '../../../../test/write-api-server/src/write-stream';

const { AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;

export type Answer = 'appended' | 'rejected' | 'error';

/** An append that BigQuery has received and not processed. */
export interface HeldAppend {
  /** Full name of the stream. */
  readonly stream: string;
  /** Stream offset. */
  readonly at: number;
  /** Was in flight when its stream was deleted, and may still land. */
  isAccepted: boolean;
  /** Processes the append and resolves with the answer, which also goes to its sender. */
  process(): Promise<Answer>;
}

/** BigQuery in memory, which holds each append until the replay processes it. */
export class HeldAppends implements WriteBackend {
  readonly held: HeldAppend[] = [];
  private isReleased = false;

  constructor(private readonly memory: MemoryBackend) {}

  call(method: UnaryMethod, request: Buffer): Promise<Buffer> {
    return this.memory.call(method, request);
  }

  openAppends(): AppendSession {
    const session = this.memory.openAppends();
    let stream = '';
    let schema: Buffer = Buffer.alloc(0);
    return {
      append: (request, reject) => {
        stream = request.stream ?? stream;
        schema = request.schema ?? schema;
        return this.append(session, request, { stream, schema }, reject);
      },
      skip: (request) => {
        session.skip(request);
      },
      close: () => {
        session.close();
      },
    };
  }

  /** Deletes all streams. @param mayLand whether appends in flight to them may still land */
  expireStreams(mayLand: boolean): void {
    for (const append of this.held) append.isAccepted = mayLand;
    this.memory.forgetStreams();
  }

  /** Holds no append from now on. The held ones stay held. */
  releaseAll(): void {
    this.isReleased = true;
  }

  forgetStreams(): void {
    this.expireStreams(false);
  }

  close(): void {
    this.memory.close();
  }

  /** The stream; undefined if it was deleted. */
  private streamOf(name: string): WriteStream | undefined {
    try {
      return this.memory.stream(name);
    } catch {
      return undefined;
    }
  }

  private async append(
    session: AppendSession,
    request: AppendRequest,
    { stream: name, schema }: { readonly stream: string; readonly schema: Buffer },
    reject: RowCheck | undefined,
  ): Promise<Buffer> {
    if (this.isReleased) return session.append(request, reject);
    const stream = this.streamOf(name);
    const released = Promise.withResolvers<undefined>();
    const done = Promise.withResolvers<Answer>();
    const append: HeldAppend = {
      stream: name,
      at: request.offset ?? -1,
      isAccepted: false,
      process: () => {
        this.held.splice(this.held.indexOf(append), 1);
        released.resolve(undefined);
        return done.promise;
      },
    };
    this.held.push(append);
    await released.promise;
    if (append.isAccepted && stream?.rowCount === append.at) landInDeletedStream(stream, request, schema);
    try {
      const response = await session.append(request, reject);
      done.resolve(answerOf(response));
      return response;
    } catch (error) {
      done.resolve(append.isAccepted ? 'appended' : 'error');
      throw error;
    }
  }
}

/** Lands rows that BigQuery accepted before it deleted the stream. The sender gets the answer that the stream is gone. */
function landInDeletedStream(stream: WriteStream, request: AppendRequest, schema: Buffer): void {
  const decoder = new RowDecoder(schema);
  stream.land(
    request.rowCount,
    request.rows().map((row) => decoder.decode(row)),
  );
}

function answerOf(response: Buffer): Answer {
  const { rowErrors, error } = AppendRowsResponse.decode(response);
  if (rowErrors.length > 0) return 'rejected';
  return error ? 'error' : 'appended';
}

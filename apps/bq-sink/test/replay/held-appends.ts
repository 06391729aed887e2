import { protos } from '@google-cloud/bigquery-storage';

import type { AppendRequest } from '../../../../test/write-api-server/src/append-request';
import type { AppendSession, RowTest, UnaryMethod, WriteBackend } from '../../../../test/write-api-server/src/backend';
import type { MemoryBackend } from '../../../../test/write-api-server/src/memory-backend';
import { RowDecoder } from '../../../../test/write-api-server/src/row-decoder';
import type { WriteStream } from '../../../../test/write-api-server/src/write-stream';

const { AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;

export type Answer = 'appended' | 'rejected' | 'error';

/** An append that BigQuery has received and not looked at. */
export interface HeldAppend {
  /** Full name. */
  readonly stream: string;
  /** Stream offset. */
  readonly at: number;
  /** Was under way when its stream vanished, and may still land. */
  isAccepted: boolean;
  /** Lets it be looked at. Resolves with the answer, which is on its way to the sender if there still is one. */
  look(): Promise<Answer>;
}

/** BigQuery in memory that looks at an append only when it is told to. */
export class HeldAppends implements WriteBackend {
  readonly held: HeldAppend[] = [];
  private isFree = false;

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

  /** @param mayLand what is under way to them may still land */
  vanishStreams(mayLand: boolean): void {
    for (const append of this.held) append.isAccepted = mayLand;
    this.memory.forgetStreams();
  }

  /** From now on appends are looked at as they come. Those that are held stay so. */
  free(): void {
    this.isFree = true;
  }

  forgetStreams(): void {
    this.vanishStreams(false);
  }

  close(): void {
    this.memory.close();
  }

  /** The stream, as long as it is known. */
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
    reject: RowTest | undefined,
  ): Promise<Buffer> {
    if (this.isFree) return session.append(request, reject);
    const stream = this.streamOf(name);
    const turn = Promise.withResolvers<undefined>();
    const done = Promise.withResolvers<Answer>();
    const append: HeldAppend = {
      stream: name,
      at: request.offset ?? -1,
      isAccepted: false,
      look: () => {
        this.held.splice(this.held.indexOf(append), 1);
        turn.resolve(undefined);
        return done.promise;
      },
    };
    this.held.push(append);
    await turn.promise;
    if (append.isAccepted && stream?.rowCount === append.at) landInVanished(stream, request, schema);
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

/** What BigQuery had taken before it forgot the stream; its sender, if there still is one, hears that the stream is gone. */
function landInVanished(stream: WriteStream, request: AppendRequest, schema: Buffer): void {
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

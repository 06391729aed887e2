import { Client, connectivityState, Metadata } from '@grpc/grpc-js';

import { connectPublisher, type PubSubConnection, topicName } from './connection';
import type { PublishMessage } from './message';
import { encodePublishRequest } from './publish-request';

export interface PublishClientOptions {
  readonly connection: PubSubConnection;
  /** Topic id. */
  readonly topic: string;
  /** Deadline of one request, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/**
 * Sends publish requests over the channel of Google's generated client, encoded by `encodePublishRequest`. Does not retry:
 * rejects with the gRPC error of the only attempt. `Publisher` retries.
 */
export class PublishClient {
  private readonly metadata = new Metadata();

  private constructor(
    private readonly stub: Client,
    private readonly closeClient: () => Promise<void>,
    readonly topic: string,
    private readonly requestTimeoutMs: number,
  ) {
    this.metadata.set('x-goog-request-params', `topic=${encodeURIComponent(topic)}`);
  }

  static async connect({ connection, topic, requestTimeoutMs }: PublishClientOptions): Promise<PublishClient> {
    const client = connectPublisher(connection);
    const stub: unknown = await client.initialize();
    if (!(stub instanceof Client)) throw new TypeError("the publisher's stub is not a client of @grpc/grpc-js");
    return new PublishClient(stub, () => client.close(), topicName(connection, topic), requestTimeoutMs);
  }

  /** All messages must have the same ordering key. */
  publish(messages: readonly PublishMessage[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = this.stub.makeUnaryRequest(
        '/google.pubsub.v1.Publisher/Publish',
        (request: readonly PublishMessage[]) => encodePublishRequest(this.topic, request),
        // The answer holds the message ids, which are not used.
        () => undefined,
        messages,
        this.metadata,
        { deadline: Date.now() + this.requestTimeoutMs },
        (error) => {
          signal.removeEventListener('abort', cancel);
          if (error === null) resolve();
          else reject(error);
        },
      );
      const cancel = (): void => {
        call.cancel();
      };
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  /** State of the connection; an idle one is opened. Answers from memory. */
  get connection(): 'ready' | 'idle' | 'connecting' | 'failed' {
    switch (this.stub.getChannel().getConnectivityState(true)) {
      case connectivityState.READY:
        return 'ready';
      case connectivityState.IDLE:
        return 'idle';
      case connectivityState.CONNECTING:
        return 'connecting';
      default:
        return 'failed';
    }
  }

  close(): Promise<void> {
    return this.closeClient();
  }
}

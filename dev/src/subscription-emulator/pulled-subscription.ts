import { status } from '@grpc/grpc-js';
import { connectSubscriber, grpcStatus, type PubSubConnection, subscriptionName } from '@orderstream/pubsub';

export interface PulledMessage {
  readonly ackId: string;
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  /** Milliseconds since the epoch. */
  readonly publishedAtMs: number;
  /** From 1, where the subscription counts. */
  readonly deliveryAttempt: number;
}

/** What the subscription says of the table that it fills. */
export interface BigQueryTarget {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
}

/** The emulator gives 100 messages at a time, whatever is asked for. */
const MAX_MESSAGES = 1_000;
/** Ack ids in one request: "Pub/Sub quotas and limits", 512 kB a request. */
const MAX_ACK_IDS = 1_000;
const CALL_TIMEOUT_MS = 10_000;
const CALL = { timeout: CALL_TIMEOUT_MS, retry: null };
/** An answer that is not awaited is lost, and its messages are delivered anew. */
const PULL = { timeout: 30_000, retry: null };

/** The subscription, as something to pull from. All calls reject with the gRPC error of their only attempt. */
export class PulledSubscription {
  readonly name: string;
  private readonly client;

  constructor(connection: PubSubConnection, subscription: string) {
    this.name = subscriptionName(connection, subscription);
    this.client = connectSubscriber(connection);
  }

  /** Undefined while there is no such subscription. @throws Error when it is none that this can stand in for */
  async target(): Promise<BigQueryTarget | undefined> {
    try {
      const [{ bigqueryConfig }] = await this.client.getSubscription({ subscription: this.name }, CALL);
      const { table, useTableSchema, writeMetadata, dropUnknownFields } = bigqueryConfig ?? {};
      const [project, datasetId, tableId, ...rest] = (table ?? '').split('.');
      if (!project || !datasetId || !tableId || rest.length > 0) {
        throw new Error(`${this.name} is no BigQuery subscription`);
      }
      if (!useTableSchema || !writeMetadata || dropUnknownFields) {
        throw new Error(`${this.name}: only table schema with metadata and no dropped fields is stood in for`);
      }
      return { project, dataset: datasetId, table: tableId };
    } catch (error) {
      if (grpcStatus(error) === status.NOT_FOUND) return undefined;
      throw error;
    }
  }

  /** What there is. The emulator would end a pull that waits a second before its deadline, not early for a redelivery. */
  async pull(): Promise<PulledMessage[]> {
    const request = { subscription: this.name, maxMessages: MAX_MESSAGES, returnImmediately: true };
    const [{ receivedMessages }] = await this.client.pull(request, PULL);
    return (receivedMessages ?? []).flatMap(({ ackId, message, deliveryAttempt }) =>
      ackId === undefined || ackId === null || message === undefined || message === null
        ? []
        : [
            {
              ackId,
              messageId: message.messageId ?? '',
              data: Buffer.from(message.data ?? ''),
              attributes: message.attributes ?? {},
              orderingKey: message.orderingKey ?? '',
              publishedAtMs:
                Number(message.publishTime?.seconds ?? 0) * 1_000 +
                Math.floor((message.publishTime?.nanos ?? 0) / 1_000_000),
              deliveryAttempt: deliveryAttempt ?? 1,
            },
          ],
    );
  }

  async acknowledge(messages: readonly PulledMessage[]): Promise<void> {
    for (const ackIds of chunksOfAckIds(messages)) {
      await this.client.acknowledge({ subscription: this.name, ackIds }, CALL);
    }
  }

  /** Gives messages back: Pub/Sub counts a delivery and forwards them to the dead letters after the last one. */
  async reject(messages: readonly PulledMessage[]): Promise<void> {
    for (const ackIds of chunksOfAckIds(messages)) {
      const request = { subscription: this.name, ackIds, ackDeadlineSeconds: 0 };
      await this.client.modifyAckDeadline(request, CALL);
    }
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

function* chunksOfAckIds(messages: readonly PulledMessage[]): Generator<string[]> {
  for (let at = 0; at < messages.length; at += MAX_ACK_IDS) {
    yield messages.slice(at, at + MAX_ACK_IDS).map(({ ackId }) => ackId);
  }
}

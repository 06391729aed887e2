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
  /** From 1; always 1 for a subscription without a dead-letter topic. */
  readonly deliveryAttempt: number;
}

/** The table that the subscription writes to. */
export interface BigQueryTarget {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
}

/** The Pub/Sub emulator returns at most 100 messages. */
const MAX_MESSAGES = 1_000;
/** Ack ids in one request; a request is limited to 512 kB ("Pub/Sub quotas and limits"). */
const MAX_ACK_IDS = 1_000;
const CALL_TIMEOUT_MS = 10_000;
const CALL = { timeout: CALL_TIMEOUT_MS, retry: null };
/** Longer: messages of a response after the timeout are delivered again. */
const PULL = { timeout: 30_000, retry: null };

/** Pulls from one subscription. Every call makes one attempt and rejects with its gRPC error. */
export class PulledSubscription {
  readonly name: string;
  private readonly client;

  constructor(connection: PubSubConnection, subscription: string) {
    this.name = subscriptionName(connection, subscription);
    this.client = connectSubscriber(connection);
  }

  /**
   * The target table; undefined while the subscription does not exist.
   *
   * @throws Error when it is not a BigQuery subscription, or has options that the emulator does not support
   */
  async target(): Promise<BigQueryTarget | undefined> {
    try {
      const [{ bigqueryConfig }] = await this.client.getSubscription({ subscription: this.name }, CALL);
      const { table, useTableSchema, writeMetadata, dropUnknownFields } = bigqueryConfig ?? {};
      const [project, datasetId, tableId, ...rest] = (table ?? '').split('.');
      if (!project || !datasetId || !tableId || rest.length > 0) {
        throw new Error(`${this.name} is not a BigQuery subscription`);
      }
      if (!useTableSchema || !writeMetadata || dropUnknownFields) {
        throw new Error(
          `${this.name}: the emulator supports only useTableSchema with writeMetadata and without dropUnknownFields`,
        );
      }
      return { project, dataset: datasetId, table: tableId };
    } catch (error) {
      if (grpcStatus(error) === status.NOT_FOUND) return undefined;
      throw error;
    }
  }

  /**
   * Returns the available messages at once: a pull of the Pub/Sub emulator that waits does not return for a redelivery.
   */
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

  /**
   * Negatively acknowledges messages. Pub/Sub forwards them to the dead-letter topic after the last delivery attempt.
   */
  async nack(messages: readonly PulledMessage[]): Promise<void> {
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

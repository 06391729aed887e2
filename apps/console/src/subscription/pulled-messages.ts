import { status } from '@grpc/grpc-js';
import { connectSubscriber, grpcStatus, type PubSubConnection, subscriptionName } from '@orderstream/pubsub';
import { type RejectedMessage } from './rejected-message';
import { type MessageSource } from './subscription-drain';

/** Bodies of one pull are in memory together: 10 MB at most each. */
const MAX_MESSAGES = 100;
const CALL = { timeout: 10_000, retry: null };

/** Pulls from a subscription of Pub/Sub. Every call makes one attempt and rejects with its gRPC error. */
export class PulledMessages implements MessageSource {
  private readonly client;
  private readonly subscription: string;

  constructor(connection: PubSubConnection, subscription: string) {
    this.subscription = subscriptionName(connection, subscription);
    this.client = connectSubscriber(connection);
  }

  async pull(): Promise<RejectedMessage[] | undefined> {
    try {
      const request = { subscription: this.subscription, maxMessages: MAX_MESSAGES, returnImmediately: true };
      const [{ receivedMessages }] = await this.client.pull(request, CALL);
      return (receivedMessages ?? []).flatMap(({ ackId, message }) => {
        if (ackId === undefined || ackId === null || message === undefined || message === null) return [];
        const { seconds = 0, nanos = 0 } = message.publishTime ?? {};
        return [
          {
            ackId,
            messageId: message.messageId ?? '',
            data: Buffer.from(message.data ?? ''),
            attributes: message.attributes ?? {},
            orderingKey: message.orderingKey ?? '',
            publishedAtMs: Number(seconds) * 1_000 + Math.floor((nanos ?? 0) / 1_000_000),
          },
        ];
      });
    } catch (error) {
      // The bridge creates it.
      if (grpcStatus(error) === status.NOT_FOUND) return undefined;
      throw error;
    }
  }

  async acknowledge(messages: readonly RejectedMessage[]): Promise<void> {
    await this.client.acknowledge(
      { subscription: this.subscription, ackIds: messages.map(({ ackId }) => ackId) },
      CALL,
    );
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

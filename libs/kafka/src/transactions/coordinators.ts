import { type Broker, type Cluster, type ProducerIdentity, TRANSACTION_COORDINATOR } from '../client/kafkajs-internals';
import { MOVED_OR_NOT_READY, retryOnCodes } from './broker-answers';

/** The brokers that coordinate a transactional id and a group. Looked up once, because each look-up is a round trip. */
export class Coordinators {
  private transactions: Broker | undefined;
  private group: Broker | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly transactionalId: string,
    private readonly groupId: string,
  ) {}

  async ofTransactions(): Promise<Broker> {
    return (this.transactions ??= await this.cluster.findGroupCoordinator({
      groupId: this.transactionalId,
      coordinatorType: TRANSACTION_COORDINATOR,
    }));
  }

  async ofGroup(): Promise<Broker> {
    return (this.group ??= await this.cluster.findGroupCoordinator({ groupId: this.groupId }));
  }

  /**
   * Repeats a request, which must be safe to repeat, while a coordinator is not ready or has moved, until the deadline.
   *
   * @throws the broker's last error
   */
  ask<T>(request: () => Promise<T>, deadline: number): Promise<T> {
    return retryOnCodes(
      async () => {
        try {
          return await request();
        } catch (error) {
          this.transactions = undefined;
          this.group = undefined;
          throw error;
        }
      },
      deadline,
      MOVED_OR_NOT_READY,
    );
  }
}

/**
 * Makes this client the only producer of its transactional id: raises the epoch, which fences the previous producer, and
 * waits until the broker has ended the transaction that it left open. What that one committed is visible to
 * `fetchStableOffset` afterwards.
 */
export async function initProducer(
  coordinators: Coordinators,
  transactionalId: string,
  transactionTimeoutMs: number,
  deadline: number,
): Promise<ProducerIdentity> {
  const { producerId, producerEpoch } = await coordinators.ask(async () => {
    const broker = await coordinators.ofTransactions();
    return broker.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs });
  }, deadline);
  return { transactionalId, producerId, producerEpoch };
}

import { type Broker, type ProducerIdentity } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import {
  DESCRIBE_TRANSACTIONS_API_KEY,
  describeTransactionsV0,
  type DescribeTransactionsResponse,
} from './describe-transactions-v0';

const TRANSACTIONAL_ID_NOT_FOUND = 105;

/** Decided, and by its coordinator ended. */
const ENDS: Readonly<Partial<Record<string, boolean>>> = {
  PrepareCommit: true,
  CompleteCommit: true,
  PrepareAbort: false,
  CompleteAbort: false,
};

interface Decided {
  readonly isCommitted: boolean;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/**
 * How the last transaction of a transactional id was ended. The coordinator forgets it when the next owner raises the epoch:
 * it is asked before.
 */
export class LastTransaction {
  private decided: Decided | undefined;

  /** Whether it was committed. Undefined: there was none, or its outcome is not known. */
  get isCommitted(): boolean | undefined {
    return this.decided?.isCommitted;
  }

  /**
   * Asks the coordinator. To be called before each attempt to raise the epoch.
   *
   * @throws the broker's error
   */
  async observe(coordinator: Broker, transactionalId: string): Promise<void> {
    if (coordinator.versions?.[DESCRIBE_TRANSACTIONS_API_KEY] === undefined) return;
    const request = describeTransactionsV0(transactionalId);
    const found = (await coordinator.connectionPool.send(request)) as DescribeTransactionsResponse;
    const { errorCode, state, producerId, producerEpoch } = found;
    if (errorCode !== 0 && errorCode !== TRANSACTIONAL_ID_NOT_FOUND) throw createErrorOf(errorCode);
    const { decided } = this;
    const isKnown = decided?.producerId === producerId && decided.producerEpoch === producerEpoch;
    // Empty: an attempt of this opening has raised the epoch, and there was no transaction since.
    if (state === 'Empty' && isKnown) return;
    const isCommitted = errorCode === 0 ? ENDS[state] : undefined;
    this.decided = isCommitted === undefined ? undefined : { isCommitted, producerId, producerEpoch };
  }

  /** Another epoch than the next one: the coordinator has aborted a transaction that began since, or there was another owner. */
  epochRaised({ producerId, producerEpoch }: ProducerIdentity): void {
    const { decided } = this;
    const isNext = decided?.producerId === producerId && decided.producerEpoch + 1 === producerEpoch;
    this.decided = isNext ? { ...decided, producerEpoch } : undefined;
  }
}

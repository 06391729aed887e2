import { type Kafka } from 'kafkajs';
import { type OutputRecord } from '../record';

export interface PartitionTransactionsOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** The broker aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
  /** Bound of one produce request, in bytes. Default 1 MiB; a single larger record goes alone. */
  readonly maxRequestBytes?: number;
}

/** The group's committed position of the partition. Both undefined: nothing was ever committed. */
export interface CommittedPosition {
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
}

export interface TransactionWrites {
  readonly records: readonly OutputRecord[];
  /** The next offset to read. */
  readonly offset: number;
  /** At most 4,096 bytes of UTF-8. */
  readonly metadata?: string;
}

export class PartitionTransactions {
  private constructor(readonly committed: CommittedPosition) {}
  static open(kafka: Kafka, options: PartitionTransactionsOptions): Promise<PartitionTransactions> {
    throw new Error(`not built yet: ${String(kafka)} ${String(options)}`);
  }
  commit(writes: TransactionWrites): Promise<void> {
    throw new Error(`not built yet: ${String(writes)}`);
  }
  close(): Promise<void> {
    throw new Error('not built yet');
  }
}

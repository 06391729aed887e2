import { setTimeout as delay } from 'node:timers/promises';

import { type AppendOutcome, type RowBuffer } from '@orderstream/bigquery';
import { type OffsetToCommit, type TransactionWrites } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

import { type PartitionSinkParts, type Transactions } from '../../../../apps/bq-sink/src/streams/sink-parts';
import { type Appender, type Warehouse } from '../../../../apps/bq-sink/src/streams/warehouse';

export interface BreakContext {
  readonly kafka: Kafka;
  /** consumer.commitOffsets of the group's member that this process is. */
  readonly commitAsConsumer: (position: OffsetToCommit) => Promise<void>;
}

/** Takes one rule out of the sink's protocol. */
export type SinkBreak = (parts: PartitionSinkParts, context: BreakContext) => PartitionSinkParts;

const RETRY_FOR_MS = 30_000;

/** Nothing is ended and nothing counted: what is durable beyond the position is not looked for. */
const skipFinalize: SinkBreak = (parts) => {
  let recovering: { stream: string; rows: number } | undefined;
  return {
    ...parts,
    openTransactions: async () => {
      const transactions = await parts.openTransactions();
      const { s, n } = JSON.parse(transactions.committed.metadata ?? '{}') as { s?: string; n?: number };
      recovering = s === undefined ? undefined : { stream: s, rows: n ?? 0 };
      return transactions;
    },
    warehouse: wrapped(parts.warehouse, {
      finalize: (stream) =>
        stream === recovering?.stream
          ? Promise.resolve({ kind: 'rows', rows: recovering.rows })
          : parts.warehouse.finalize(stream),
    }),
  };
};

/** An append counts when it is sent. */
const commitBeforeAck: SinkBreak = (parts) => ({
  ...parts,
  warehouse: wrapped(parts.warehouse, {
    connect: async (stream) => {
      const appender = await parts.warehouse.connect(stream);
      return wrappedAppender(appender, (rows, offset) => {
        void appender.append(rows, offset);
        return Promise.resolve({ kind: 'appended' });
      });
    },
  }),
});

/** Each process is its own producer: nobody fences anybody. */
const perInstanceId: SinkBreak = (parts, { kafka }) => ({
  ...parts,
  openTransactions: () => UnfencedTransactions.open(kafka, parts.partition),
});

/** Positions go the consumer's way, which knows no fence, and are tried again until they are through. */
const commitAsConsumer: SinkBreak = (parts, context) => ({
  ...parts,
  openTransactions: async () => {
    const transactions = await parts.openTransactions();
    return {
      committed: transactions.committed,
      commit: async (writes: TransactionWrites) => {
        if (writes.records.length > 0) {
          await transactions.commit(writes);
          return;
        }
        const { offset, metadata = '' } = writes;
        const until = performance.now() + RETRY_FOR_MS;
        for (;;) {
          try {
            await context.commitAsConsumer({ ...parts.partition, offset, metadata });
            return;
          } catch (error) {
            if (performance.now() > until) throw error;
            await delay(100);
          }
        }
      },
      assertCurrent: () => transactions.assertCurrent(),
      close: () => transactions.close(),
    };
  },
});

/** After a rejection nobody waits for the appends behind it: they are taken for answered. */
const renumberInFlight: SinkBreak = (parts) => ({
  ...parts,
  warehouse: wrapped(parts.warehouse, {
    connect: async (stream) => {
      const appender = await parts.warehouse.connect(stream);
      const behind = new Set<(outcome: AppendOutcome) => void>();
      return wrappedAppender(appender, async (rows, offset) => {
        const answered = appender.append(rows, offset);
        const given = await new Promise<AppendOutcome>((resolve) => {
          behind.add(resolve);
          void answered.then((outcome) => {
            behind.delete(resolve);
            resolve(outcome);
          });
        });
        if (given.kind === 'rejected') {
          for (const resolve of behind)
            resolve({ kind: 'error', reason: 'out-of-range', message: 'taken for answered' });
          behind.clear();
        }
        return given;
      });
    },
  }),
});

export const SINK_BREAKS = {
  'skip-finalize': skipFinalize,
  'commit-before-ack': commitBeforeAck,
  'per-instance-ids': perInstanceId,
  'consumer-commits': commitAsConsumer,
  'renumber-in-flight': renumberInFlight,
} as const satisfies Record<string, SinkBreak>;
export type SinkBreakName = keyof typeof SINK_BREAKS;

export function breakNamed(name: string | undefined): SinkBreak | undefined {
  if (name === undefined) return undefined;
  if (!Object.hasOwn(SINK_BREAKS, name)) throw new TypeError(`there is no break ${name}`);
  return SINK_BREAKS[name as SinkBreakName];
}

function wrapped(warehouse: Warehouse, own: Partial<Warehouse>): Warehouse {
  return {
    createStream: () => warehouse.createStream(),
    finalize: (stream) => warehouse.finalize(stream),
    connect: (stream) => warehouse.connect(stream),
    lastOffset: (from, excluded) => warehouse.lastOffset(from, excluded),
    ...own,
  };
}

function wrappedAppender(
  appender: Appender,
  append: (rows: RowBuffer, offset: number) => Promise<AppendOutcome>,
): Appender {
  return {
    get usable() {
      return appender.usable;
    },
    append,
    close: () => {
      appender.close();
    },
  };
}

/** Kafka's transactions with a transactional id of this process' own. */
class UnfencedTransactions implements Transactions {
  /** The commit that is on its way: once it was sent, closing does not take it back. */
  private committing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly producer: ReturnType<Kafka['producer']>,
    private readonly partition: PartitionSinkParts['partition'],
    readonly committed: Transactions['committed'],
  ) {}

  static async open(kafka: Kafka, partition: PartitionSinkParts['partition']): Promise<UnfencedTransactions> {
    const { topic } = partition;
    const producer = kafka.producer({
      transactionalId: `bq-sink.${topic}.${String(partition.partition)}.${String(process.pid)}.${String(Date.now())}`,
      maxInFlightRequests: 1,
      idempotent: true,
      transactionTimeout: 60_000,
    });
    await producer.connect();
    const admin = kafka.admin();
    await admin.connect();
    try {
      const [offsets] = await admin.fetchOffsets({ groupId: 'bq-sink', topics: [topic] });
      const found = offsets?.partitions.find((each) => each.partition === partition.partition);
      const isCommitted = found !== undefined && Number(found.offset) >= 0;
      return new UnfencedTransactions(producer, partition, {
        offset: isCommitted ? Number(found.offset) : undefined,
        metadata: isCommitted ? (found.metadata ?? undefined) : undefined,
      });
    } finally {
      await admin.disconnect();
    }
  }

  commit(writes: TransactionWrites): Promise<void> {
    const committing = this.run(writes);
    this.committing = committing.catch(() => undefined);
    return committing;
  }

  /** Nobody is fenced, so nobody expects another owner. */
  assertCurrent(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.committing;
    await this.producer.disconnect();
  }

  private async run({ records, offset, metadata }: TransactionWrites): Promise<void> {
    const { topic, partition } = this.partition;
    const transaction = await this.producer.transaction();
    for (const { topic: to, partition: target, key, value, headers } of records) {
      await transaction.send({ topic: to, messages: [{ partition: target, key, value, headers: { ...headers } }] });
    }
    // kafkajs passes metadata on, though its types do not say so.
    const entry = { partition, offset: String(offset), metadata: metadata ?? null };
    await transaction.sendOffsets({ consumerGroupId: 'bq-sink', topics: [{ topic, partitions: [entry] }] });
    await transaction.commit();
  }
}

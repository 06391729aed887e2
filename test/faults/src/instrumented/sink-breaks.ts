import { type AppendOutcome, type RowBuffer } from '@orderstream/bigquery';
import { waitUntil } from '@orderstream/deadlines';
import { type OffsetToCommit, type TransactionWrites } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

import {
  type PartitionSinkDependencies,
  type Transactions,
} from '../../../../apps/bq-sink/src/streams/sink-dependencies';
import { type Appender, type Warehouse } from '../../../../apps/bq-sink/src/streams/warehouse';

export interface BreakContext {
  readonly kafka: Kafka;
  /** consumer.commitOffsets of this process' consumer. */
  readonly commitAsConsumer: (position: OffsetToCommit) => Promise<void>;
}

/** Leaves one rule of the sink's protocol out. */
export type SinkBreak = (dependencies: PartitionSinkDependencies, context: BreakContext) => PartitionSinkDependencies;

const COMMIT_DEADLINE_MS = 30_000;

/** Recovery does not finalize the stream, and takes the committed rows for all that are durable. */
const skipFinalize: SinkBreak = (dependencies) => {
  let recovering: { stream: string; rows: number } | undefined;
  return {
    ...dependencies,
    openTransactions: async () => {
      const transactions = await dependencies.openTransactions();
      const { s, n } = JSON.parse(transactions.committed.metadata ?? '{}') as { s?: string; n?: number };
      recovering = s === undefined ? undefined : { stream: s, rows: n ?? 0 };
      return transactions;
    },
    warehouse: wrapped(dependencies.warehouse, {
      finalize: (stream) =>
        stream === recovering?.stream
          ? Promise.resolve({ kind: 'rows', rows: recovering.rows })
          : dependencies.warehouse.finalize(stream),
    }),
  };
};

/** Takes an append for acknowledged when it is sent. */
const commitBeforeAck: SinkBreak = (dependencies) => ({
  ...dependencies,
  warehouse: wrapped(dependencies.warehouse, {
    connect: async (stream) => {
      const appender = await dependencies.warehouse.connect(stream);
      return wrappedAppender(appender, (rows, offset) => {
        void appender.append(rows, offset);
        return Promise.resolve({ kind: 'appended' });
      });
    },
  }),
});

/** Each process has transactional ids of its own: a new owner does not fence the previous one. */
const perInstanceId: SinkBreak = (dependencies, { kafka }) => ({
  ...dependencies,
  openTransactions: () => UnfencedTransactions.open(kafka, dependencies.partition),
});

/** Commits as a consumer, which is not fenced, and retries until the commit succeeds. */
const commitAsConsumer: SinkBreak = (dependencies, context) => ({
  ...dependencies,
  openTransactions: async () => {
    const transactions = await dependencies.openTransactions();
    return {
      committed: transactions.committed,
      commit: async (writes: TransactionWrites) => {
        if (writes.records.length > 0) {
          await transactions.commit(writes);
          return;
        }
        const { offset, metadata = '' } = writes;
        await waitUntil(
          async () => {
            await context.commitAsConsumer({ ...dependencies.partition, offset, metadata });
            return true;
          },
          { what: 'the commit as a consumer', deadlineMs: COMMIT_DEADLINE_MS },
        );
      },
      assertCurrent: () => transactions.assertCurrent(),
      close: () => transactions.close(),
    };
  },
});

/** After a rejection, takes the appends in flight behind it for answered. */
const renumberInFlight: SinkBreak = (dependencies) => ({
  ...dependencies,
  warehouse: wrapped(dependencies.warehouse, {
    connect: async (stream) => {
      const appender = await dependencies.warehouse.connect(stream);
      const inFlight = new Set<(outcome: AppendOutcome) => void>();
      return wrappedAppender(appender, async (rows, offset) => {
        const answer = appender.append(rows, offset);
        const outcome = await new Promise<AppendOutcome>((resolve) => {
          inFlight.add(resolve);
          void answer.then((answered) => {
            inFlight.delete(resolve);
            resolve(answered);
          });
        });
        if (outcome.kind === 'rejected') {
          for (const resolve of inFlight)
            resolve({ kind: 'error', reason: 'out-of-range', message: 'taken for answered' });
          inFlight.clear();
        }
        return outcome;
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
  if (!Object.hasOwn(SINK_BREAKS, name)) throw new TypeError(`unknown break ${name}`);
  return SINK_BREAKS[name as SinkBreakName];
}

function wrapped(warehouse: Warehouse, own: Partial<Warehouse>): Warehouse {
  return {
    createStream: () => warehouse.createStream(),
    finalize: (stream) => warehouse.finalize(stream),
    connect: (stream) => warehouse.connect(stream),
    lastOffset: (from) => warehouse.lastOffset(from),
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

/** Transactions with a transactional id of this process. */
class UnfencedTransactions implements Transactions {
  /** The latest commit. Closing awaits it. */
  private latest: Promise<void> = Promise.resolve();

  private constructor(
    private readonly producer: ReturnType<Kafka['producer']>,
    private readonly partition: PartitionSinkDependencies['partition'],
    readonly committed: Transactions['committed'],
  ) {}

  static async open(kafka: Kafka, partition: PartitionSinkDependencies['partition']): Promise<UnfencedTransactions> {
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
    const commit = this.run(writes);
    this.latest = commit.catch(() => undefined);
    return commit;
  }

  /** Without fencing, no other producer is expected. */
  assertCurrent(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.latest;
    await this.producer.disconnect();
  }

  private async run({ records, offset, metadata }: TransactionWrites): Promise<void> {
    const { topic, partition } = this.partition;
    const transaction = await this.producer.transaction();
    for (const { topic: to, partition: target, key, value, headers } of records) {
      await transaction.send({ topic: to, messages: [{ partition: target, key, value, headers: { ...headers } }] });
    }
    // kafkajs sends the metadata, although its types do not have it.
    const entry = { partition, offset: String(offset), metadata: metadata ?? null };
    await transaction.sendOffsets({ consumerGroupId: 'bq-sink', topics: [{ topic, partitions: [entry] }] });
    await transaction.commit();
  }
}

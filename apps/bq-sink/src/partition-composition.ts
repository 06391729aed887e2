import { setTimeout as delay } from 'node:timers/promises';

import { type FailureOutcome, type observeTransactions, partitionName, type TopicPartition } from '@orderstream/kafka';
import type { Tracing } from '@orderstream/observability';

import type { BqSinkSettings } from './bq-sink.config';
import { FailurePolicy, reasonOf } from './failure-policy';
import { mapperOf, type SinkClients } from './sink-clients';
import type { SinkMetrics } from './sink-metrics';
import { type SinkSource, sourceOf } from './sink-topics';
import { NO_FAULTS } from './streams/fault-points';
import type { PartitionSinkDependencies } from './streams/sink-dependencies';
import { tracedObserver } from './traced-observer';

export interface PartitionCompositionOptions {
  readonly sink: BqSinkSettings['sink'];
  readonly clients: SinkClients;
  readonly metrics: SinkMetrics;
  readonly dataset: string;
  readonly tracing: Tracing;
  readonly onTransactionFailure: ReturnType<typeof observeTransactions>;
  /** Reports a failure to the partition's task. */
  readonly interrupt: (partition: TopicPartition, outcome: FailureOutcome) => void;
}

/**
 * Replayed records and dead letters are few, and of many partitions: each may hold less than one of events, so that all of
 * them together stay below 150 MB when BigQuery does not answer.
 */
const FEW_RECORDS: Readonly<Record<SinkSource['kind'], { maxInFlight: number; maxBatchBytes: number }>> = {
  validated: { maxInFlight: Infinity, maxBatchBytes: Infinity },
  retry: { maxInFlight: 1, maxBatchBytes: 1_048_576 },
  'dead-letters': { maxInFlight: 1, maxBatchBytes: 262_144 },
};

/** Connects the sink of one partition to the clients, metrics and policies of the instance. */
export class PartitionComposition {
  /** One for each partition. It outlives the partition's sinks, which are replaced after each failure. */
  private readonly policies = new Map<string, FailurePolicy>();

  constructor(private readonly options: PartitionCompositionOptions) {}

  dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    const { sink, dataset, clients, metrics, tracing, onTransactionFailure, interrupt } = this.options;
    const source = sourceOf(partition.topic);
    const mapper = mapperOf(source);
    const policy = this.policyOf(partition);
    const { table } = source.table;
    const bounds = FEW_RECORDS[source.kind];
    const isLetters = source.kind === 'dead-letters';
    return {
      partition,
      limits: {
        ...sink,
        lingerMs: isLetters ? sink.deadLetterLingerMs : sink.lingerMs,
        maxBatchBytes: Math.min(sink.maxBatchBytes, bounds.maxBatchBytes),
        get maxInFlight() {
          return policy.maxInFlight(Math.min(sink.maxInFlight, bounds.maxInFlight));
        },
        get maxBatchRows() {
          return policy.maxBatchRows(sink.maxBatchRows);
        },
      },
      mapper: { encode: (record, rows) => policy.rejectionOf(record) ?? mapper.encode(record, rows) },
      warehouse: clients.warehouseOf(partition, mapper),
      openTransactions: () => clients.openTransactions(partition, { onFailure: onTransactionFailure }),
      logBounds: () => clients.logBounds(partition),
      delay: (ms, signal) => delay(ms, undefined, { signal }),
      now: () => new Date(),
      faults: NO_FAULTS,
      observer: tracedObserver(metrics.observerFor(source.label, policy), tracing, partition, { dataset, table }),
      deadLetters: !isLetters,
      outcomeOf: (cause) => this.outcomeOf(partition, cause),
      interrupt: (outcome) => {
        interrupt(partition, outcome);
      },
    };
  }

  /** Counts the failure and decides its outcome. The partition task logs it and adds the backoff. */
  outcomeOf(partition: TopicPartition, cause: unknown): FailureOutcome {
    this.options.metrics.failed(sourceOf(partition.topic).label, reasonOf(cause));
    return this.policyOf(partition).outcomeOf(cause);
  }

  private policyOf(partition: TopicPartition): FailurePolicy {
    const key = partitionName(partition);
    const policy =
      this.policies.get(key) ?? new FailurePolicy(this.options.sink.schemaTimeoutMs, () => performance.now());
    this.policies.set(key, policy);
    return policy;
  }
}

import { setTimeout as delay } from 'node:timers/promises';

import { tableForFamily } from '@orderstream/contracts';
import { type FailureOutcome, type observeTransactions, partitionName, type TopicPartition } from '@orderstream/kafka';
import type { Tracing } from '@orderstream/observability';

import type { BqSinkSettings } from './bq-sink.config';
import { FailurePolicy, reasonOf } from './failure-policy';
import type { SinkClients } from './sink-clients';
import type { SinkMetrics } from './sink-metrics';
import { familyOfTopic } from './sink-topics';
import { NO_FAULTS } from './streams/fault-points';
import { RowMapper } from './streams/row-mapper';
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

/** Connects the sink of one partition to the clients, metrics and policies of the instance. */
export class PartitionComposition {
  /** One for each partition. It outlives the partition's sinks, which are replaced after each failure. */
  private readonly policies = new Map<string, FailurePolicy>();

  constructor(private readonly options: PartitionCompositionOptions) {}

  dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    const { sink, dataset, clients, metrics, tracing, onTransactionFailure, interrupt } = this.options;
    const family = familyOfTopic(partition.topic);
    const mapper = new RowMapper(family);
    const policy = this.policyOf(partition);
    const { table } = tableForFamily(family);
    return {
      partition,
      limits: {
        ...sink,
        get maxInFlight() {
          return policy.maxInFlight(sink.maxInFlight);
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
      observer: tracedObserver(metrics.observerFor(family, policy), tracing, partition, { dataset, table }),
      outcomeOf: (cause) => this.outcomeOf(partition, cause),
      interrupt: (outcome) => {
        interrupt(partition, outcome);
      },
    };
  }

  /** Counts the failure and decides its outcome. The partition task logs it and adds the backoff. */
  outcomeOf(partition: TopicPartition, cause: unknown): FailureOutcome {
    this.options.metrics.failed(familyOfTopic(partition.topic), reasonOf(cause));
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

import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, tableForFamily } from '@orderstream/contracts';
import {
  type FailureOutcome,
  type observeTransactions,
  PartitionTransactions,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Tracing } from '@orderstream/observability';

import type { BqSinkSettings } from './bq-sink.config';
import type { FailurePolicies } from './failure-policies';
import type { SinkClients } from './sink-clients';
import type { SinkMetrics } from './sink-metrics';
import { familyOfTopic, GROUP_ID, MAX_REQUEST_BYTES } from './sink-topics';
import { BigQueryWarehouse } from './streams/bigquery-warehouse';
import { NO_FAULTS } from './streams/fault-points';
import { RowMapper } from './streams/row-mapper';
import type { PartitionSinkDependencies } from './streams/sink-dependencies';
import { tracedObserver } from './traced-observer';

export interface PartitionCompositionOptions {
  readonly settings: BqSinkSettings;
  readonly clients: SinkClients;
  readonly metrics: SinkMetrics;
  readonly tracing: Tracing;
  readonly policies: FailurePolicies;
  readonly onTransactionFailure: ReturnType<typeof observeTransactions>;
  /** Reports a failure to the partition's task. */
  readonly interrupt: (partition: TopicPartition, outcome: FailureOutcome) => void;
}

/** Connects the sink of one partition to the clients, metrics and policies of the instance. */
export class PartitionComposition {
  private readonly mappers: ReadonlyMap<Family, RowMapper> = new Map(
    FAMILIES.map((family) => [family, new RowMapper(family)]),
  );

  constructor(private readonly options: PartitionCompositionOptions) {}

  dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    const { settings, clients, metrics, tracing, policies, onTransactionFailure, interrupt } = this.options;
    const { bigquery, sink } = settings;
    const family = familyOfTopic(partition.topic);
    const mapper = this.mapperOf(family);
    const policy = policies.of(partition);
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
      warehouse: new BigQueryWarehouse({
        bigquery: clients.bigquery,
        streams: clients.streams,
        table: { project: bigquery.project, dataset: bigquery.dataset, table },
        partition,
        mapper,
        appendTimeoutMs: sink.appendTimeoutMs,
        maxInFlight: sink.maxInFlight,
      }),
      openTransactions: () =>
        PartitionTransactions.open(clients.kafka, {
          groupId: GROUP_ID,
          ...partition,
          transactionTimeoutMs: sink.transactionTimeoutMs,
          maxRequestBytes: MAX_REQUEST_BYTES,
          onFailure: onTransactionFailure,
        }),
      logBounds: () => clients.logBounds(partition),
      delay: (ms, signal) => delay(ms, undefined, { signal }),
      now: () => new Date(),
      faults: NO_FAULTS,
      observer: tracedObserver(metrics.observerFor(family, policy), tracing, partition, {
        dataset: bigquery.dataset,
        table,
      }),
      outcomeOf: (cause) => policies.outcomeOf(partition, cause),
      interrupt: (outcome) => {
        interrupt(partition, outcome);
      },
    };
  }

  private mapperOf(family: Family): RowMapper {
    const mapper = this.mappers.get(family);
    if (mapper === undefined) throw new TypeError(`no row mapper for ${family}`);
    return mapper;
  }
}

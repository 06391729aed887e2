import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { bigqueryDependency } from '@orderstream/bigquery';
import { DeadLetterBacklog } from '@orderstream/dead-letters';
import {
  createKafka,
  kafkaDependency,
  KafkaBatchServer,
  observeClients,
  observeServers,
  observeTransactions,
  type TopicPartition,
} from '@orderstream/kafka';
import { type Health, type Logger, type Metrics, RecordLog, type Tracing } from '@orderstream/observability';
import {
  HEALTH,
  leadsOnOf,
  LOGGER,
  METRICS,
  type Dependency,
  type ServiceControl,
  SETTINGS,
  TRACING,
} from '@orderstream/service';

import type { BqSinkSettings } from './bq-sink.config';
import { PartitionComposition } from './partition-composition';
import { PartitionSinks } from './partition-sinks';
import { SinkClients } from './sink-clients';
import { SinkMetrics } from './sink-metrics';
import { ensureSinkTables } from './sink-tables';
import { DEAD_LETTER_TOPICS, ensureSinkTopics, familyNameOf, GROUP_ID } from './sink-topics';
import { PartitionSink } from './streams/partition-sink';
import type { PartitionSinkDependencies } from './streams/sink-dependencies';

export const TRANSPORT_ID = Symbol('bq-sink');

const MAX_BATCH_RECORDS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Leaves 2 s of the 10 s between SIGTERM and exit. The next owner recovers what is not committed by then. */
const MAX_DRAIN_MS = 8_000;
const MAX_QUEUED_RECORDS = 4_000;
/** Per partition, beside two or three batches of rows. 24 partitions stay below 512 MB when BigQuery does not answer. */
const MAX_QUEUED_BYTES = 2 * 1_048_576;

/**
 * The bq-sink service: start, shutdown, status and health.
 *
 * Failure semantics: `PartitionSink` describes them for records. The start creates missing topics, dataset and tables;
 * several instances may do so at once.
 */
@Injectable()
export class BqSinkService implements ServiceControl, OnApplicationShutdown {
  readonly partitions: PartitionSinks;
  private readonly clients: SinkClients;
  private readonly metrics: SinkMetrics;
  private readonly composition: PartitionComposition;
  private readonly deadLetters: DeadLetterBacklog;
  private server: KafkaBatchServer | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: BqSinkSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(TRACING) tracing: Tracing,
    @Inject(HEALTH) health: Health,
  ) {
    this.clients = new SinkClients(settings, createKafka(settings.kafka, logger));
    this.metrics = new SinkMetrics(metrics, new RecordLog(logger), () => this.partitions.all());
    this.composition = new PartitionComposition({
      sink: settings.sink,
      clients: this.clients,
      metrics: this.metrics,
      dataset: settings.bigquery.dataset,
      tracing,
      onTransactionFailure: observeTransactions(metrics),
      interrupt: (partition, outcome) => this.server?.interrupt(partition, outcome),
    });
    this.partitions = new PartitionSinks(
      (partition) => new PartitionSink(this.dependenciesOf(partition)),
      (partition, cause) => this.composition.outcomeOf(partition, cause),
    );
    observeServers(metrics, () => (this.server === undefined ? [] : [this.server]));
    observeClients(metrics);
    this.deadLetters = new DeadLetterBacklog({
      topics: DEAD_LETTER_TOPICS,
      createAdmin: () => this.clients.kafka.admin(),
      metrics,
      logger,
    });
    health.live('consumer', () => this.server?.health().live ?? { ok: true });
    health.ready('consumer', () => this.server?.health().ready ?? { ok: false, detail: 'not connected yet' });
    // A running partition task may still be skipping durable rows; its position is not known before that is done.
    health.ready('recovery', () => {
      const recovering = this.partitions.recovering();
      return { ok: recovering.length === 0, detail: recovering };
    });
  }

  /** What `prepare` needs. */
  dependencies(): readonly Dependency[] {
    const { kafka, bigquery } = this.clients;
    return [kafkaDependency(kafka), bigqueryDependency(bigquery, this.settings.bigquery)];
  }

  /** Connects, and creates what is missing. The steps run concurrently, because every recovery includes a start. */
  async prepare(): Promise<void> {
    const { kafka, bigquery } = this.settings;
    await Promise.all([
      this.clients.connectAdmin(),
      ensureSinkTopics(this.clients.kafka, kafka.replication, this.logger),
      ensureSinkTables(this.clients.bigquery, bigquery, this.logger),
    ]);
    this.deadLetters.start();
  }

  /** Creates the transport that feeds the partitions. Call it after `prepare`. */
  createServer(): KafkaBatchServer {
    const { service, sink } = this.settings;
    this.server = new KafkaBatchServer({
      kafka: this.clients.kafka,
      groupId: GROUP_ID,
      transportId: TRANSPORT_ID,
      hooks: this.partitions,
      leadsOn: (partition, cause) =>
        leadsOnOf(
          'bq-sink',
          familyNameOf(partition.topic),
          'docs/sink-protocol.md#when-a-partition-stops',
        )(partition, cause),
      logger: this.logger,
      maxBatchRecords: MAX_BATCH_RECORDS,
      maxQueuedRecords: MAX_QUEUED_RECORDS,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      maxRetryMs: MAX_RETRY_MS,
      sessionTimeoutMs: sink.sessionTimeoutMs,
      drainTimeoutMs: Math.max(100, Math.min(service.shutdownTimeoutMs - 5_000, MAX_DRAIN_MS)),
      // A handler call waits for an append or for the assignment of a stream; each of them has its own deadline.
      handlerTimeoutMs: 2 * (sink.appendTimeoutMs + sink.transactionTimeoutMs) + 60_000,
    });
    return this.server;
  }

  status(): object {
    const status = this.server?.describe();
    return {
      group: GROUP_ID,
      state: status?.state ?? 'connecting',
      ...this.metrics.totals,
      partitions: (status?.partitions ?? []).map((partition) => {
        const sink = this.partitions.find(partition)?.describe();
        return {
          ...partition,
          sinkState: sink?.state ?? null,
          committed: sink === undefined || sink.committed < 0 ? null : sink.committed,
          stream: sink?.stream ?? null,
          pendingRecords: sink?.pendingRecords ?? 0,
        };
      }),
    };
  }

  pause(): Promise<void> {
    this.server?.pause();
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.server?.resume();
    return Promise.resolve();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.deadLetters.stop(), this.clients.close()]);
  }

  /** The dependencies of one partition's sink. The fault suite overrides it. */
  protected dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    return this.composition.dependenciesOf(partition);
  }
}

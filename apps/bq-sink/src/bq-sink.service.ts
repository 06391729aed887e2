import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { bigqueryDependency } from '@orderstream/bigquery';
import { DEAD_LETTER_GROUP } from '@orderstream/contracts';
import { DeadLetterBacklog } from '@orderstream/dead-letters';
import {
  createKafka,
  kafkaDependency,
  KafkaBatchServer,
  type KafkaBatchServerOptions,
  observeClients,
  observeServers,
  observeTransactions,
  type ServerStatus,
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
import type { FlushDto } from './control/flush.dto';
import { PartitionComposition } from './partition-composition';
import { PartitionSinks } from './partition-sinks';
import { SinkClients } from './sink-clients';
import { SinkMetrics } from './sink-metrics';
import { ensureSinkTables } from './sink-tables';
import { DEAD_LETTER_TOPICS, ensureSinkTopics, GROUP_ID, placeOf, sourceOf } from './sink-topics';
import { PartitionSink } from './streams/partition-sink';
import type { PartitionSinkDependencies } from './streams/sink-dependencies';

export const TRANSPORT_ID = Symbol('bq-sink');
/** Of the group that copies the dead letters into their table. */
export const LETTERS_TRANSPORT_ID = Symbol(DEAD_LETTER_GROUP);

const MAX_BATCH_RECORDS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Leaves 2 s of the 10 s between SIGTERM and exit. The next owner recovers what is not committed by then. */
const MAX_DRAIN_MS = 8_000;
/** Below the deadline of who asks for it. */
const FLUSH_TIMEOUT_MS = 20_000;
const MAX_QUEUED_RECORDS = 4_000;
/** Per partition, beside two or three batches of rows. 24 partitions stay below 512 MB when BigQuery does not answer. */
const MAX_QUEUED_BYTES = 2 * 1_048_576;
/** Of a partition of dead letters, which are few. */
const MAX_QUEUED_LETTER_BYTES = 262_144;
/** Dead letters need not be in their table at once: few large answers cost less than many small ones. */
const LETTER_FETCH = { maxWaitMs: 500, minBytes: 262_144 };

const noEnd = Promise.resolve(undefined);

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
  private letterServer: KafkaBatchServer | undefined;

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
      interrupt: (partition, outcome) => {
        for (const server of this.servers()) server.interrupt(partition, outcome);
      },
    });
    this.partitions = new PartitionSinks(
      (partition) => new PartitionSink(this.dependenciesOf(partition)),
      (partition, cause) => this.composition.outcomeOf(partition, cause),
      (partition) => (sourceOf(partition.topic).kind === 'validated' ? noEnd : this.clients.endOfRead(partition)),
    );
    observeServers(metrics, () => this.servers());
    observeClients(metrics);
    this.deadLetters = new DeadLetterBacklog({
      topics: DEAD_LETTER_TOPICS,
      createAdmin: () => this.clients.kafka.admin(),
      metrics,
      logger,
    });
    health.live('consumer', () => this.server?.health().live ?? { ok: true });
    health.ready('consumer', () => this.server?.health().ready ?? { ok: false, detail: 'not connected yet' });
    health.live('dead-letters', () => this.letterServer?.health().live ?? { ok: true });
    health.ready('dead-letters', () => this.letterServer?.health().ready ?? { ok: false, detail: 'not connected yet' });
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

  /** Creates the transports that feed the partitions: of events, and of dead letters. Call it after `prepare`. */
  createServers(): readonly KafkaBatchServer[] {
    this.server = this.createServer({ groupId: GROUP_ID, transportId: TRANSPORT_ID, maxQueuedBytes: MAX_QUEUED_BYTES });
    this.letterServer = this.createServer({
      groupId: DEAD_LETTER_GROUP,
      transportId: LETTERS_TRANSPORT_ID,
      maxQueuedBytes: MAX_QUEUED_LETTER_BYTES,
      fetch: LETTER_FETCH,
    });
    return this.servers();
  }

  private createServer(
    group: Pick<KafkaBatchServerOptions, 'groupId' | 'transportId' | 'maxQueuedBytes' | 'fetch'>,
  ): KafkaBatchServer {
    const { service, sink } = this.settings;
    return new KafkaBatchServer({
      ...group,
      kafka: this.clients.kafka,
      hooks: this.partitions,
      leadsOn: (partition, cause) =>
        leadsOnOf(
          'bq-sink',
          placeOf(partition.topic),
          'docs/sink-protocol.md#when-a-partition-stops',
        )(partition, cause),
      logger: this.logger,
      maxBatchRecords: MAX_BATCH_RECORDS,
      maxQueuedRecords: MAX_QUEUED_RECORDS,
      maxRetryMs: MAX_RETRY_MS,
      sessionTimeoutMs: sink.sessionTimeoutMs,
      drainTimeoutMs: Math.max(100, Math.min(service.shutdownTimeoutMs - 5_000, MAX_DRAIN_MS)),
      // A handler call waits for an append, for the assignment of a stream, or for the opening of an idle partition, which
      // may wait for a stream that BigQuery does not know. Each of them has its own deadline.
      handlerTimeoutMs: 2 * (sink.appendTimeoutMs + sink.transactionTimeoutMs) + sink.fallbackWaitMs + 60_000,
    });
  }

  private servers(): readonly KafkaBatchServer[] {
    return [this.server, this.letterServer].filter((server) => server !== undefined);
  }

  status(): object {
    const letters = this.letterServer?.describe();
    return {
      ...this.statusOf(this.server?.describe(), GROUP_ID),
      ...this.metrics.totals,
      deadLetters: this.statusOf(letters, DEAD_LETTER_GROUP),
    };
  }

  private statusOf(status: ServerStatus | undefined, group: string) {
    return {
      group,
      state: status?.state ?? 'connecting',
      partitions: (status?.partitions ?? []).map((partition) => {
        const sink = this.partitions.find(partition)?.describe();
        return {
          ...partition,
          sinkState: sink?.state ?? (this.partitions.isIdle(partition) ? 'idle' : null),
          committed: sink === undefined || sink.committed < 0 ? null : sink.committed,
          stream: sink?.stream ?? null,
          pendingRecords: sink?.pendingRecords ?? 0,
        };
      }),
    };
  }

  pause(): Promise<void> {
    for (const server of this.servers()) server.pause();
    return Promise.resolve();
  }

  resume(): Promise<void> {
    for (const server of this.servers()) server.resume();
    return Promise.resolve();
  }

  flush(): Promise<FlushDto> {
    return this.partitions.flush(FLUSH_TIMEOUT_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.deadLetters.stop(), this.clients.close()]);
  }

  /** The dependencies of one partition's sink. The fault suite overrides it. */
  protected dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    return this.composition.dependenciesOf(partition);
  }
}

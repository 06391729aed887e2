import { setTimeout as delay } from 'node:timers/promises';

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { HEALTH, LOGGER, METRICS, type ServiceControl, SETTINGS } from '@orderstream/service';
import { createBigQuery, createWriteClient, ensureDataset, ensureTables, WriteStreams } from '@orderstream/bigquery';
import {
  deadLetterTopic,
  FAMILIES,
  type Family,
  tableForFamily,
  TABLES,
  TOPICS,
  validatedTopic,
} from '@orderstream/contracts';
import {
  connectAdmin,
  createKafka,
  ensureTopics,
  type FailureOutcome,
  KafkaBatchServer,
  observeServers,
  observeTransactions,
  type PartitionRef,
  PartitionTransactions,
} from '@orderstream/kafka';
import { type Check, type Health, type Logger, type Metrics, RecordLog } from '@orderstream/observability';
import type { Admin } from 'kafkajs';

import type { BqSinkSettings } from './bq-sink.config';
import { FailurePolicy, reasonOf } from './failure-policy';
import { PartitionSinks } from './partition-sinks';
import { SinkMetrics } from './sink-metrics';
import { BigQueryWarehouse } from './streams/bigquery-warehouse';
import { NO_FAULTS } from './streams/fault-points';
import { PartitionSink } from './streams/partition-sink';
import type { LogBounds } from './streams/recovery';
import { RowMapper } from './streams/row-mapper';
import type { PartitionSinkParts } from './streams/sink-parts';

export const TRANSPORT_ID = Symbol('bq-sink');

const APP = 'bq-sink';
export const GROUP_ID = 'bq-sink';
const MAX_BATCH_RECORDS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Whoever is told to end is gone within 10 s; what is not settled by then is the next owner's to find out. */
const MAX_DRAIN_MS = 8_000;
const MAX_QUEUED_RECORDS = 4_000;
/** For each of 24 partitions, beside two or three batches of rows: within 512 MB even when BigQuery stands still. */
const MAX_QUEUED_BYTES = 2 * 1_048_576;
/** A commit may carry dead letters: as large as their topics take. */
const MAX_REQUEST_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

const FAMILY_OF_TOPIC: ReadonlyMap<string, Family> = new Map(
  FAMILIES.map((family) => [validatedTopic(family), family]),
);

/**
 * The service: what it is made of, how it comes up and goes down, and what it says of itself.
 *
 * Failure semantics: see `PartitionSink` for records. Topics, dataset and tables are created if they are missing; two
 * instances may do so at once.
 */
@Injectable()
export class Sink implements ServiceControl, OnApplicationShutdown {
  readonly partitions = new PartitionSinks(
    (partition) => new PartitionSink(this.partsOf(partition)),
    (partition, cause) => this.outcomeOf(partition, cause),
  );
  private readonly kafka;
  private readonly bigquery;
  private readonly streams;
  private readonly metrics: SinkMetrics;
  private readonly transactionFailed: ReturnType<typeof observeTransactions>;
  private readonly mappers = new Map(FAMILIES.map((family) => [family, new RowMapper(family)]));
  private readonly policies = new Map<string, FailurePolicy>();
  private admin: Admin | undefined;
  private server: KafkaBatchServer | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: BqSinkSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(HEALTH) health: Health,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
    this.bigquery = createBigQuery(settings.bigquery);
    this.streams = new WriteStreams(createWriteClient(settings.bigquery));
    this.metrics = new SinkMetrics(metrics, new RecordLog(logger), () => this.partitions.all());
    this.transactionFailed = observeTransactions(metrics);
    observeServers(metrics, () => (this.server === undefined ? [] : [this.server]));
    health.live('consumer', () => this.server?.health().live ?? { ok: true });
    health.ready('consumer', () => this.server?.health().ready ?? { ok: false, detail: 'not connected yet' });
    health.ready('recovery', () => this.recoveryCheck());
  }

  /** Creates what is missing and connects; all at once, since a start is a part of every recovery. */
  async prepare(): Promise<void> {
    [this.admin] = await Promise.all([connectAdmin(this.kafka), this.ensureTopics(), this.ensureTables()]);
  }

  /** The transport that feeds the partitions. Call once `prepare` is done. */
  createServer(): KafkaBatchServer {
    const { service, sink } = this.settings;
    this.server = new KafkaBatchServer({
      kafka: this.kafka,
      groupId: GROUP_ID,
      transportId: TRANSPORT_ID,
      hooks: this.partitions,
      logger: this.logger,
      maxBatchRecords: MAX_BATCH_RECORDS,
      maxQueuedRecords: MAX_QUEUED_RECORDS,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      maxRetryMs: MAX_RETRY_MS,
      sessionTimeoutMs: sink.sessionTimeoutMs,
      drainTimeoutMs: Math.max(100, Math.min(service.shutdownTimeoutMs - 5_000, MAX_DRAIN_MS)),
      // A call of the handler waits for an append, or for the naming of a stream: each has a deadline of its own.
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
    await Promise.all([this.admin?.disconnect(), this.streams.close()]);
  }

  private async ensureTopics(): Promise<void> {
    const names = new Set(FAMILIES.map(validatedTopic).flatMap((topic) => [topic, deadLetterTopic(topic, APP)]));
    const specs = TOPICS.filter(({ name }) => names.has(name));
    await ensureTopics(this.kafka, specs, { replication: this.settings.kafka.replication });
  }

  private async ensureTables(): Promise<void> {
    const { bigquery } = this.settings;
    const dataset = await ensureDataset(this.bigquery, bigquery.dataset, bigquery.location);
    const deadLetters = TABLES.dead_letters;
    const specs = [...FAMILIES.map(tableForFamily), ...(deadLetters === undefined ? [] : [deadLetters])];
    for (const { table, missingColumns } of await ensureTables(dataset, specs)) {
      if (missingColumns.length > 0) this.logger.warn({ table, missingColumns }, 'table is behind its contract');
    }
  }

  /** What a partition's sink is made of; a fault suite puts its own between. */
  protected partsOf(partition: PartitionRef): PartitionSinkParts {
    const { bigquery, sink } = this.settings;
    const family = FAMILY_OF_TOPIC.get(partition.topic);
    const mapper = family === undefined ? undefined : this.mappers.get(family);
    if (family === undefined || mapper === undefined) throw new TypeError(`${partition.topic} is no topic of the sink`);
    const policy = this.policyOf(partition);
    return {
      partition,
      limits: {
        ...sink,
        get maxInFlight() {
          return policy.maxInFlight(sink.maxInFlight);
        },
      },
      mapper,
      warehouse: new BigQueryWarehouse({
        bigquery: this.bigquery,
        streams: this.streams,
        table: { project: bigquery.project, dataset: bigquery.dataset, table: tableForFamily(family).table },
        partition,
        mapper,
        appendTimeoutMs: sink.appendTimeoutMs,
        maxInFlight: sink.maxInFlight,
      }),
      openTransactions: () =>
        PartitionTransactions.open(this.kafka, {
          groupId: GROUP_ID,
          ...partition,
          transactionTimeoutMs: sink.transactionTimeoutMs,
          maxRequestBytes: MAX_REQUEST_BYTES,
          onFailure: this.transactionFailed,
        }),
      logBounds: () => this.logBounds(partition),
      delay: (ms, signal) => delay(ms, undefined, { signal }),
      now: () => new Date(),
      faults: NO_FAULTS,
      observer: this.metrics.observer(family, policy),
      outcomeOf: (cause) => this.outcomeOf(partition, cause),
      interrupt: (outcome) => this.server?.interrupt(partition, outcome),
    };
  }

  /** The task logs it, and decides how long the partition waits. */
  private outcomeOf(partition: PartitionRef, cause: unknown): FailureOutcome {
    const family = FAMILY_OF_TOPIC.get(partition.topic);
    if (family !== undefined) this.metrics.failed(family, reasonOf(cause));
    return this.policyOf(partition).outcomeOf(cause);
  }

  /** A task that runs may still be counting off what is durable: its position is not known before that is done. */
  private recoveryCheck(): Check {
    const recovering = [...this.partitions.all()]
      .map(([partition, { state }]) => ({ ...partition, state }))
      .filter(({ state }) => state === 'opening' || state === 'counting');
    return { ok: recovering.length === 0, detail: recovering };
  }

  private policyOf({ topic, partition }: PartitionRef): FailurePolicy {
    const key = `${topic}/${String(partition)}`;
    let policy = this.policies.get(key);
    if (policy === undefined) {
      policy = new FailurePolicy(this.settings.sink.schemaTimeoutMs, () => performance.now());
      this.policies.set(key, policy);
    }
    return policy;
  }

  private async logBounds({ topic, partition }: PartitionRef): Promise<LogBounds> {
    const bounds = (await this.admin?.fetchTopicOffsets(topic))?.find((each) => each.partition === partition);
    if (bounds === undefined) throw new Error(`no offsets of ${topic}/${String(partition)}`);
    return { start: Number(bounds.low), end: Number(bounds.offset) };
  }
}

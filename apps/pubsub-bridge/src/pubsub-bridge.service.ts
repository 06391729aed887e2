import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { HEALTH, LOGGER, METRICS, type ServiceControl, SETTINGS } from '@orderstream/service';
import { createBigQuery, ensureDataset, ensureTables } from '@orderstream/bigquery';
import { TABLES, type TableSpec } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { createKafka, ensureTopics, KafkaBatchServer, observeServers, RecordProducer } from '@orderstream/kafka';
import { type Check, type Health, type Logger, type Metrics, RecordLog } from '@orderstream/observability';
import {
  connectPubSub,
  ensureTopology,
  LIMITS,
  PublishClient,
  SUBSCRIPTION_METADATA,
  TopologyGuard,
  topicName,
} from '@orderstream/pubsub';

import { BRIDGE_SOURCE, type BridgeSource } from './bridge-source';
import { BodyCheck } from './body/body-check';
import { BridgeMetrics } from './bridge-metrics';
import type { PartitionBridgeDependencies, RejectedRecord } from './partitions/partition-bridge';
import { PartitionBridges, partitionName } from './partitions/partition-bridges';
import type { PubSubBridgeSettings } from './pubsub-bridge.config';
import { topologyOf } from './topology-of-settings';

export const TRANSPORT_ID = Symbol('pubsub-bridge');

const APP = 'pubsub-bridge';
const MAX_BATCH_RECORDS = 2_000;
/** Leaves 2 s of the 10 s between SIGTERM and exit. The next owner publishes again what is not settled by then. */
const MAX_DRAIN_MS = 8_000;
const BACKOFF_MS = { first: 100, max: 5_000 };
/** The service is not ready when the requests of a partition have failed for longer than this. */
const MAX_FAILING_MS = 10_000;

/**
 * The pubsub-bridge service: publishes the records of one Kafka topic to Pub/Sub.
 *
 * Failure semantics: for records, see `PartitionBridge`. `prepare` creates only what is missing. It can be repeated, and
 * two instances can run it at the same time.
 */
@Injectable()
export class PubSubBridgeService implements ServiceControl, OnApplicationShutdown {
  readonly partitions: PartitionBridges;
  private readonly kafka;
  private readonly deadLetters: RecordProducer;
  private readonly recordLog: RecordLog;
  private readonly metrics: BridgeMetrics;
  private readonly body: BodyCheck;
  private readonly pubsub;
  private server: KafkaBatchServer | undefined;
  private client: PublishClient | undefined;
  private guard: TopologyGuard | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: PubSubBridgeSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(HEALTH) health: Health,
    @Inject(BRIDGE_SOURCE) private readonly source: BridgeSource,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
    this.pubsub = connectPubSub(settings.pubsub);
    this.deadLetters = new RecordProducer(this.kafka, { maxRequestBytes: source.deadLetters.maxMessageBytes });
    this.recordLog = new RecordLog(logger);
    this.partitions = new PartitionBridges(
      () => this.partitionDependencies(),
      settings.publish.commitIntervalMs,
      logger,
    );
    this.metrics = new BridgeMetrics(metrics, settings.pubsub.topic, this.partitions);
    observeServers(metrics, () => (this.server === undefined ? [] : [this.server]));
    const metadata = new Set<string>(SUBSCRIPTION_METADATA);
    this.body = new BodyCheck(tableSpec().columns.filter(({ name }) => !metadata.has(name)));
    health.live('consumer', () => this.server?.health().live ?? { ok: true });
    health.ready('consumer', () => this.server?.health().ready ?? { ok: false, detail: 'not connected yet' });
    health.ready('pubsub', () => this.pubsubCheck());
  }

  /**
   * Creates the missing topics, table and subscription, and connects. The subscription exists before the first message is
   * published, so that no message is lost.
   */
  async prepare(): Promise<void> {
    const { kafka, bigquery, pubsub, publish } = this.settings;
    const { validated, deadLetters } = this.source;
    const ensure = (): Promise<void> => ensureTopology(this.pubsub, topologyOf(this.settings));
    await Promise.all([
      ensureTopics(this.kafka, [validated, deadLetters], {
        replication: kafka.replication,
        // The server does not read a topic with a wrong partition count.
        onMismatch: (error) => {
          this.logger.error({ err: error, topic: error.topic }, error.message);
        },
      }),
      // BigQuery subscriptions need their table.
      ensureDataset(createBigQuery(bigquery), bigquery.dataset, bigquery.location)
        .then((dataset) => ensureTables(dataset, [tableSpec()]))
        .then(ensure),
    ]);
    const client = await PublishClient.connect({
      connection: pubsub,
      topic: pubsub.topic,
      requestTimeoutMs: publish.requestTimeoutMs,
    });
    this.client = client;
    this.guard = new TopologyGuard(
      (messages, signal) => client.publish(messages, signal),
      async () => {
        this.logger.warn(
          { topic: pubsub.topic },
          'topic or connection lost: creating topic and subscription if they are missing',
        );
        await ensure();
      },
      pubsub.emulatorHost !== undefined,
    );
    await this.deadLetters.connect();
  }

  /** The transport that hands batches to the partitions. Call after `prepare`. */
  createServer(): KafkaBatchServer {
    const { publish, service } = this.settings;
    const server = new KafkaBatchServer({
      kafka: this.kafka,
      groupId: this.source.groupId,
      transportId: TRANSPORT_ID,
      topics: [this.source.validated.name],
      hooks: this.partitions,
      logger: this.logger,
      maxBatchRecords: MAX_BATCH_RECORDS,
      sessionTimeoutMs: publish.sessionTimeoutMs,
      drainTimeoutMs: Math.max(100, Math.min(service.shutdownTimeoutMs - 5_000, MAX_DRAIN_MS)),
      // A batch handler waits for Pub/Sub, at most until the publisher gives up.
      handlerTimeoutMs: 2 * (publish.retryTimeoutMs + publish.requestTimeoutMs),
    });
    this.server = server;
    this.partitions.attach(server);
    return server;
  }

  status(): object {
    const status = this.server?.describe();
    const unacknowledged = new Map(
      this.partitions.all().map((bridge) => [partitionName(bridge.partition), bridge.unacknowledged]),
    );
    return {
      group: this.source.groupId,
      state: status?.state ?? 'connecting',
      topic: this.settings.pubsub.topic,
      ordering: this.settings.publish.ordering,
      published: this.metrics.publishedRecords,
      deadLettered: this.metrics.deadLetteredRecords,
      unacknowledged: [...unacknowledged.values()].reduce((sum, count) => sum + count, 0),
      partitions: (status?.partitions ?? []).map((partition) => ({
        ...partition,
        unacknowledged: unacknowledged.get(partitionName(partition)) ?? 0,
      })),
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
    this.partitions.detach();
    await Promise.all([this.deadLetters.disconnect(), this.client?.close(), this.pubsub.close()]);
  }

  private partitionDependencies(): PartitionBridgeDependencies {
    const { guard } = this;
    if (guard === undefined) throw new TypeError('a partition was opened before prepare');
    const { pubsub, publish } = this.settings;
    return {
      publish: guard.publish,
      options: {
        ...publish,
        topic: topicName(pubsub, pubsub.topic),
        maxBatchMessages: LIMITS.messagesPerRequest,
        maxBatchBytes: LIMITS.requestBytes,
        backoffMs: BACKOFF_MS,
      },
      body: this.body,
      deadLetter: (rejected) => this.sendDeadLetters(rejected),
      observer: this.metrics,
      maxBatchRecords: MAX_BATCH_RECORDS,
    };
  }

  private async sendDeadLetters(rejected: readonly RejectedRecord[]): Promise<void> {
    const failedAt = new Date();
    await this.deadLetters.send(
      rejected.map(({ record, reasons }) => buildDeadLetter(record, { app: APP, reasons, failedAt })),
    );
    for (const { record, reasons } of rejected) {
      this.metrics.deadLettered(reasons);
      const [reason] = reasons;
      const fields = { reason: reason?.code, path: reason?.path, constraint: reason?.constraint };
      this.recordLog.info(record, fields, 'dead-lettered');
    }
  }

  private pubsubCheck(): Check {
    const now = performance.now();
    const failing = this.partitions.all().flatMap((bridge) => bridge.failing ?? []);
    const overdue = failing.find(({ sinceMs }) => now - sinceMs > MAX_FAILING_MS);
    if (overdue === undefined) return { ok: true };
    return { ok: false, detail: overdue.error instanceof Error ? overdue.error.message : String(overdue.error) };
  }
}

function tableSpec(): TableSpec {
  const spec = TABLES.streaming_orders;
  if (spec === undefined) throw new TypeError('no contract defines the table streaming_orders');
  return spec;
}

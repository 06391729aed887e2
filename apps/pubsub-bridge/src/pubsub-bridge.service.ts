import { HttpStatus, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import {
  HEALTH,
  leadsOnOf,
  LOGGER,
  METRICS,
  ProblemException,
  type Dependency,
  type ServiceControl,
  SETTINGS,
  TRACING,
} from '@orderstream/service';
import {
  bigqueryDependency,
  createBigQuery,
  ensureDataset,
  ensureTables,
  logDifferingOptions,
  logMissingColumns,
} from '@orderstream/bigquery';
import { TABLES, type TableSpec } from '@orderstream/contracts';
import { buildDeadLetter, DeadLetterBacklog, isParked } from '@orderstream/dead-letters';
import {
  createKafka,
  ensureTopics,
  fetchCommittedOffsets,
  fetchLogBounds,
  kafkaDependency,
  KafkaBatchServer,
  observeClients,
  observeServers,
  observeTransactions,
  partitionName,
  PartitionTransactions,
  RecordProducer,
  type TopicPartition,
} from '@orderstream/kafka';
import { type Health, type Logger, type Metrics, RecordLog, type Tracing } from '@orderstream/observability';
import {
  connectPubSub,
  ensureTopology,
  inspectTopology,
  LIMITS,
  pubsubDependency,
  PublishClient,
  SUBSCRIPTION_METADATA,
  TopologyGuard,
  topicName,
} from '@orderstream/pubsub';

import { BRIDGE_SOURCE, type BridgeSource, placeOf } from './bridge-source';
import { BodyCheck } from './body/body-check';
import { BridgeMetrics } from './bridge-metrics';
import { BridgeTracing } from './bridge-tracing';
import type { PartitionBridgeDependencies, RejectedRecord } from './partitions/partition-bridge';
import { PartitionBridges, RewindRejectedError } from './partitions/partition-bridges';
import type { PubSubBridgeSettings } from './pubsub-bridge.config';
import { PubSubHealth } from './pubsub-health';
import { RejectionPolicy } from './partitions/rejection-policy';
import { TRANSACTION_TIMEOUT_MS } from './positions/set-position';
import { SubscriptionGaps } from './gaps/subscription-gaps';
import { TopologyMonitor } from './topology/topology-monitor';
import { topologyOf } from './topology-of-settings';

export const TRANSPORT_ID = Symbol('pubsub-bridge');

const APP = 'pubsub-bridge';
const MAX_BATCH_RECORDS = 2_000;
/** Leaves 2 s of the 10 s between SIGTERM and exit. The next owner publishes again what is not settled by then. */
const MAX_DRAIN_MS = 8_000;
const BACKOFF_MS = { first: 100, max: 5_000 };

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
  private readonly tracing: BridgeTracing;
  private readonly body: BodyCheck;
  private readonly pubsub;
  private readonly pubsubHealth: PubSubHealth;
  private readonly monitor: TopologyMonitor;
  private readonly gaps = new SubscriptionGaps();
  private readonly rejections: RejectionPolicy;
  private readonly backlog: DeadLetterBacklog;
  private server: KafkaBatchServer | undefined;
  private client: PublishClient | undefined;
  private guard: TopologyGuard | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: PubSubBridgeSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(TRACING) tracing: Tracing,
    @Inject(HEALTH) health: Health,
    @Inject(BRIDGE_SOURCE) private readonly source: BridgeSource,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
    this.pubsub = connectPubSub(settings.pubsub);
    this.deadLetters = new RecordProducer(this.kafka, { maxRequestBytes: source.deadLetters.maxMessageBytes });
    this.backlog = new DeadLetterBacklog({
      topics: [source.deadLetters],
      createAdmin: () => this.kafka.admin(),
      metrics,
      logger,
    });
    this.recordLog = new RecordLog(logger);
    const onFailure = observeTransactions(metrics);
    this.tracing = new BridgeTracing(tracing, {
      pubsubTopic: settings.pubsub.topic,
      deadLetterTopic: source.deadLetters.name,
      groupId: source.groupId,
    });
    this.partitions = new PartitionBridges(
      () => this.partitionDependencies(),
      (partition) =>
        PartitionTransactions.open(this.kafka, {
          groupId: source.groupId,
          ...partition,
          transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
          onFailure,
        }),
      this.gaps,
      settings.publish.commitIntervalMs,
      logger,
    );
    this.pubsubHealth = new PubSubHealth(() => this.partitions.all());
    this.monitor = new TopologyMonitor({
      inspect: () => inspectTopology(this.pubsub, topologyOf(settings)),
      repair: async () => {
        await this.guard?.repair();
      },
      gaps: this.gaps,
      intervalMs: settings.publish.checkIntervalMs,
      logger,
      onGap: () => {
        this.metrics.gapReported();
      },
    });
    this.rejections = new RejectionPolicy(() => this.monitor.rejectionReason());
    this.metrics = new BridgeMetrics(metrics, settings.pubsub.topic, this.partitions, this.monitor);
    observeServers(metrics, () => (this.server === undefined ? [] : [this.server]));
    observeClients(metrics);
    const metadata = new Set<string>(SUBSCRIPTION_METADATA);
    this.body = new BodyCheck(tableSpec().columns.filter(({ name }) => !metadata.has(name)));
    health.live('consumer', () => this.server?.health().live ?? { ok: true });
    health.ready('consumer', () => this.server?.health().ready ?? { ok: false, detail: 'not connected yet' });
    health.ready('pubsub', () => this.pubsubHealth.check());
    health.ready('subscription', () => this.monitor.readiness());
  }

  /** What `prepare` needs. */
  dependencies(): readonly Dependency[] {
    const { bigquery, pubsub } = this.settings;
    return [
      kafkaDependency(this.kafka),
      bigqueryDependency(createBigQuery(bigquery), bigquery),
      pubsubDependency(this.pubsub, pubsub, pubsub.topic),
    ];
  }

  /**
   * Creates the missing topics, table and subscription, and connects. The subscription exists before the first message is
   * published, so that no message is lost.
   */
  async prepare(): Promise<void> {
    const { kafka, bigquery, pubsub, publish } = this.settings;
    const { validated, retry, deadLetters, parked } = this.source;
    const ensure = (): Promise<void> =>
      this.monitor.observe(() => ensureTopology(this.pubsub, topologyOf(this.settings)));
    await Promise.all([
      ensureTopics(this.kafka, [validated, retry, deadLetters, parked], {
        replication: kafka.replication,
        // The server does not read a topic with a wrong partition count.
        onMismatch: (error) => {
          this.logger.error({ err: error, topic: error.topic }, error.message);
        },
      }),
      // BigQuery subscriptions need their table.
      ensureDataset(createBigQuery(bigquery), bigquery.dataset, bigquery.location)
        .then((dataset) => ensureTables(dataset, [tableSpec()], bigquery))
        .then((reports) => {
          logMissingColumns(reports, this.logger);
          logDifferingOptions(reports, this.logger);
        })
        .then(() => this.warnOfMissingSubscription())
        .then(ensure),
    ]);
    const client = await PublishClient.connect({
      connection: pubsub,
      topic: pubsub.topic,
      requestTimeoutMs: publish.requestTimeoutMs,
    });
    this.client = client;
    this.guard = new TopologyGuard(
      this.pubsubHealth.observed((messages, signal) => client.publish(messages, signal)),
      async () => {
        this.logger.warn(
          { topic: pubsub.topic },
          'topic or connection lost: creating topic and subscription if they are missing',
        );
        await ensure();
      },
      pubsub.emulatorHost !== undefined,
      () => this.monitor.blocked,
    );
    this.pubsubHealth.watch(client);
    this.monitor.start();
    this.backlog.start();
    await this.deadLetters.connect();
  }

  /** The transport that hands batches to the partitions. Call after `prepare`. */
  createServer(): KafkaBatchServer {
    const { publish, service } = this.settings;
    const server = new KafkaBatchServer({
      kafka: this.kafka,
      groupId: this.source.groupId,
      transportId: TRANSPORT_ID,
      topics: [this.source.validated.name, this.source.retry.name],
      hooks: this.partitions,
      leadsOn: (partition, cause) =>
        leadsOnOf(APP, placeOf(partition.topic), 'docs/pubsub-bridge.md#when-a-partition-stops')(partition, cause),
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
      subscription: {
        state: this.monitor.subscriptionState,
        differences: this.monitor.differences,
        gaps: this.gaps.all(),
      },
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
    this.rejections.reset();
    this.server?.resume();
    return Promise.resolve();
  }

  /**
   * Publishes a partition again from an earlier offset, for example after a gap of the subscription.
   *
   * @param topic one that the bridge reads; the validated topic by default
   * @throws ProblemException 400 for another topic; 409 when the partition is not assigned here, or the offset is not in the log or would skip
   * records that were not published
   */
  async rewind(partition: number, offset: number, topic = this.source.validated.name): Promise<void> {
    const { validated, retry } = this.source;
    const name = partitionName({ topic, partition });
    if (topic !== validated.name && topic !== retry.name) {
      throw new ProblemException(HttpStatus.BAD_REQUEST, `The bridge reads ${validated.name} and ${retry.name}.`);
    }
    const isAssigned = (one: TopicPartition): boolean => one.topic === topic && one.partition === partition;
    if (this.server?.describe().partitions.some(isAssigned) !== true) {
      throw new ProblemException(HttpStatus.CONFLICT, `${name} is not assigned to this instance. Ask the others.`);
    }
    const [committed, { beginnings, ends }] = await Promise.all([
      fetchCommittedOffsets(this.kafka, this.source.groupId, topic),
      fetchLogBounds(this.kafka, topic),
    ]);
    const begin = beginnings[partition] ?? 0;
    const highest = Math.max(begin, Math.min(committed[partition] ?? begin, ends[partition] ?? begin));
    if (offset < begin || offset > highest) {
      const range = `from ${String(begin)}, where the log begins, to ${String(highest)}, behind which nothing is published yet`;
      throw new ProblemException(HttpStatus.CONFLICT, `${name} can be rewound to an offset ${range}.`);
    }
    try {
      await this.partitions.rewind({ topic, partition }, offset);
    } catch (error) {
      if (error instanceof RewindRejectedError) throw new ProblemException(HttpStatus.CONFLICT, error.message);
      throw error;
    }
    this.logger.warn({ topic, partition, offset, from: committed[partition] }, 'rewound: records are published again');
  }

  /**
   * Forgets the gaps of a partition, and of its retry partition, when all of their records were delivered.
   *
   * @throws ProblemException 409 when the partition is not open here, or could not commit
   */
  async dismissGaps(partition: number): Promise<void> {
    const topic = this.source.validated.name;
    const isDismissed = await this.partitions.dismissGaps({ topic, partition });
    // Another instance may have the retry partition; it has gaps of its own only if it is open here.
    await this.partitions.dismissGaps({ topic: this.source.retry.name, partition });
    if (!isDismissed) {
      const name = partitionName({ topic, partition });
      throw new ProblemException(
        HttpStatus.CONFLICT,
        `the gaps of ${name} are not dismissed: it is not open on this instance, or could not commit. GET /admin/status says which; try again, or ask the others.`,
      );
    }
    this.logger.warn({ topic, partition }, 'gaps dismissed: nothing is published again');
  }

  async onApplicationShutdown(): Promise<void> {
    this.partitions.detach();
    this.monitor.stop();
    this.pubsubHealth.stop();
    await Promise.all([this.backlog.stop(), this.deadLetters.disconnect(), this.client?.close(), this.pubsub.close()]);
  }

  /** A topic without its subscription is no first start: the backlog of the subscription is lost. */
  private async warnOfMissingSubscription(): Promise<void> {
    const { topic, subscription } = this.settings.pubsub;
    const { missing } = await inspectTopology(this.pubsub, topologyOf(this.settings));
    if (!missing.includes(subscription) || missing.includes(topic)) return;
    this.logger.error(
      { topic, subscription },
      'the subscription does not exist and is put back: what it had not delivered is lost. The next check reports the gap, ' +
        'with what publishes it again (docs/pubsub-bridge.md#the-subscription-was-deleted)',
    );
  }

  private partitionDependencies(): PartitionBridgeDependencies {
    const { guard } = this;
    if (guard === undefined) throw new TypeError('a partition was opened before prepare');
    const { pubsub, publish } = this.settings;
    return {
      publish: this.tracing.traced(guard.publish),
      options: {
        ...publish,
        topic: topicName(pubsub, pubsub.topic),
        maxBatchMessages: LIMITS.messagesPerRequest,
        maxBatchBytes: LIMITS.requestBytes,
        backoffMs: BACKOFF_MS,
      },
      body: this.body,
      deadLetter: (rejected) => this.sendDeadLetters(rejected),
      rejections: this.rejections,
      observer: this.metrics,
      maxBatchRecords: MAX_BATCH_RECORDS,
    };
  }

  private async sendDeadLetters(rejected: readonly RejectedRecord[]): Promise<void> {
    const failedAt = new Date();
    const startedMs = performance.now();
    const letters = rejected.map(({ record, reasons }) => ({
      record,
      reasons,
      letter: buildDeadLetter(record, { app: APP, reasons, failedAt }),
    }));
    await this.deadLetters.send(letters.map(({ letter }) => letter));
    this.tracing.deadLettered(rejected, startedMs);
    for (const { record, reasons, letter } of letters) {
      this.metrics.deadLettered(reasons, isParked(letter));
      const [reason] = reasons;
      const fields = { reason: reason?.code, path: reason?.path, constraint: reason?.constraint };
      this.recordLog.info(record, fields, isParked(letter) ? 'dead-lettered and parked' : 'dead-lettered');
    }
  }
}

function tableSpec(): TableSpec {
  const spec = TABLES.streaming_orders;
  if (spec === undefined) throw new TypeError('no contract defines the table streaming_orders');
  return spec;
}

import { FAMILIES, type Family, rawTopic, TOPICS } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  KafkaBatchServer,
  observeServers,
  partitionFor,
  type PartitionRef,
} from '@orderstream/kafka';
import type { Health, Logger, Metrics } from '@orderstream/observability';
import { DEFAULT_CATALOG_LIMITS, RuleEvaluator, type QualitySettings } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { CatalogReader } from './catalog/catalog-reader';
import { FamilyPartitions } from './partitions/family-partitions';
import { type FaultPoints, NO_FAULTS } from './partitions/fault-points';
import { PartitionValidator } from './partitions/partition-validator';
import { Semaphore } from './partitions/semaphore';
import { groupOf, qualityOf, stateLimitsOf, type ValidatorSettings } from './validator.config';
import { type ObservedState, ValidatorMetrics } from './validator-metrics';

/**
 * One thread reads them: enough that it need not wait for the broker, and no more, since each holds megabytes of the log,
 * and the first ones should be through while the others wait.
 */
const RESTORES_AT_ONCE = 3;
/** Whoever is told to end is gone within 10 s; what is not settled by then is the next owner's to find out. */
const MAX_DRAIN_MS = 8_000;

/** One transport per family: a handler with a family's id is called by that family's server alone. */
export const TRANSPORTS = {
  orders: Symbol('orders'),
  interactions: Symbol('interactions'),
  catalog: Symbol('catalog'),
  customers: Symbol('customers'),
} as const satisfies Record<Family, symbol>;

export interface ValidatorParts {
  readonly settings: ValidatorSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly faults?: FaultPoints;
}

/** One family's consumer group, as far as this instance takes part. */
export interface FamilyValidator {
  readonly family: Family;
  readonly partitions: FamilyPartitions;
  readonly server: KafkaBatchServer;
}

/** All that this instance validates. */
export class Validators {
  readonly kafka: Kafka;
  readonly families: readonly FamilyValidator[];
  private readonly catalog: CatalogReader;
  private readonly quality: QualitySettings;
  private readonly metrics: ValidatorMetrics;
  private readonly restores = new Semaphore(RESTORES_AT_ONCE);

  constructor(private readonly parts: ValidatorParts) {
    const { settings, logger, health } = parts;
    this.kafka = createKafka(settings.kafka, logger);
    this.quality = qualityOf(settings);
    this.metrics = new ValidatorMetrics(parts.metrics, this.quality.actions);
    this.catalog = new CatalogReader({
      kafka: this.kafka,
      catalogGroupId: groupOf('catalog'),
      limits: { ...DEFAULT_CATALOG_LIMITS, maxEntities: settings.state.maxCatalogEntities },
      waitMs: settings.loop.catalogWaitMs,
      logger,
    });
    this.families = FAMILIES.filter((family) => settings.loop.families.includes(family)).map((family) =>
      this.familyValidator(family),
    );
    this.metrics.observe(() => this.opened());
    observeServers(parts.metrics, () => this.families.map(({ server }) => server));
    for (const { family, server } of this.families) {
      health.live(family, () => server.health().live);
      health.ready(family, () => server.health().ready);
    }
    health.live('catalog', () => ({ ok: this.catalog.failed === undefined, detail: this.catalog.failed?.message }));
  }

  /** Creates the topics that are missing, and rejects those that differ. */
  async ensureTopics(): Promise<void> {
    await ensureTopics(this.kafka, TOPICS, { replication: this.parts.settings.kafka.replication });
  }

  get settingsVersion(): string {
    return this.quality.version;
  }

  of(family: Family): FamilyPartitions {
    const found = this.families.find((validator) => validator.family === family);
    if (found === undefined) throw new TypeError(`this instance does not validate ${family}`);
    return found.partitions;
  }

  *opened(): Generator<ObservedState> {
    for (const { partitions } of this.families) yield* partitions.opened();
  }

  /** To be called after the servers are closed. */
  async stop(): Promise<void> {
    await this.catalog.stop();
  }

  private familyValidator(family: Family): FamilyValidator {
    const { settings, logger } = this.parts;
    const { loop } = settings;
    const groupId = groupOf(family);
    const evaluator = new RuleEvaluator({ family, settings: this.quality, partitionOf: (key) => partitionFor(key) });
    const partitions = new FamilyPartitions(family, (ref) => this.partitionValidator(family, groupId, ref, evaluator));
    const server = new KafkaBatchServer({
      kafka: this.kafka,
      groupId,
      hooks: partitions,
      transportId: TRANSPORTS[family],
      logger,
      topics: [rawTopic(family)],
      maxBatchRecords: loop.maxBatchRecords,
      maxQueuedRecords: loop.maxQueuedRecords,
      maxQueuedBytes: loop.maxQueuedBytes,
      sessionTimeoutMs: loop.sessionTimeoutMs,
      rebalanceTimeoutMs: loop.rebalanceTimeoutMs,
      drainTimeoutMs: Math.min(MAX_DRAIN_MS, Math.floor(loop.rebalanceTimeoutMs / 3)),
      handlerTimeoutMs: loop.handlerTimeoutMs,
    });
    return { family, partitions, server };
  }

  private partitionValidator(
    family: Family,
    groupId: string,
    ref: PartitionRef,
    evaluator: RuleEvaluator,
  ): PartitionValidator {
    const { settings, logger, faults = NO_FAULTS } = this.parts;
    return new PartitionValidator({
      kafka: this.kafka,
      family,
      groupId,
      ref,
      evaluator,
      settings: this.quality,
      stateLimits: stateLimitsOf(settings),
      restores: this.restores,
      catalog: this.catalog,
      transactionTimeoutMs: settings.loop.transactionTimeoutMs,
      breaker: { windowRecords: settings.rules.breakerWindow, maxShare: settings.rules.breakerShare },
      metrics: this.metrics,
      logger,
      faults,
      clock: () => new Date(),
    });
  }
}

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { deadLetterTopic, FAMILIES, PARTITIONS, rawTopic, stateTopic, TOPICS } from '@orderstream/contracts';
import { DeadLetterBacklog } from '@orderstream/dead-letters';
import {
  type BatchOutcome,
  checkTimestampTypes,
  createKafka,
  ensureTopics,
  type KafkaBatchServer,
  observeClients,
  kafkaDependency,
  observeServers,
  type RecordBatch,
  stop,
} from '@orderstream/kafka';
import type { Health, Logger, Metrics, Tracing } from '@orderstream/observability';
import { evaluationValues } from '@orderstream/quality';
import { HEALTH, LOGGER, METRICS, type Dependency, type ServiceControl, SETTINGS, TRACING } from '@orderstream/service';
import type { Kafka } from 'kafkajs';
import { CatalogReader } from './catalog/catalog-reader';
import { type ForgottenDto } from './control/forget-customer.dto';
import { type ResumeDto, suspensionOf } from './control/resume.dto';
import { FamilyValidator } from './partitions/family-validator';
import { FAULT_POINTS, type FaultPoints } from './partitions/fault-points';
import { Semaphore } from './partitions/semaphore';
import { RunTimeRules } from './rules/run-time-rules';
import { catalogLimitsOf, groupOf, type ValidatorSettings } from './validator.config';
import { type ObservedState, ValidatorMetrics } from './validator-metrics';

/**
 * One thread reads all restores. This many keep it busy while the broker answers; more would only hold more megabytes
 * of the log at once and delay the first partitions.
 */
const MAX_CONCURRENT_RESTORES = 3;

/** The service: the families that this instance validates, and what `/admin` shows of them and does with them. */
@Injectable()
export class ValidatorService implements ServiceControl, OnApplicationShutdown {
  private readonly kafka: Kafka;
  private readonly families: readonly FamilyValidator[];
  private readonly catalog: CatalogReader;
  private readonly deadLetters: DeadLetterBacklog;

  constructor(
    @Inject(SETTINGS) private readonly settings: ValidatorSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(TRACING) tracing: Tracing,
    @Inject(HEALTH) health: Health,
    @Inject(FAULT_POINTS) faults: FaultPoints,
    private readonly rules: RunTimeRules,
  ) {
    this.kafka = createKafka(settings.kafka, logger);
    this.catalog = new CatalogReader({
      kafka: this.kafka,
      catalogGroupId: groupOf('catalog'),
      limits: catalogLimitsOf(settings),
      waitMs: settings.loop.catalogWaitMs,
      logger,
    });
    const validatorMetrics = new ValidatorMetrics(metrics);
    const options = {
      settings,
      rules: () => this.rules.current(),
      kafka: this.kafka,
      catalog: this.catalog,
      catalogLimits: catalogLimitsOf(settings),
      restores: new Semaphore(MAX_CONCURRENT_RESTORES),
      metrics: validatorMetrics,
      tracing,
      logger,
      faults,
    };
    this.families = FAMILIES.filter((family) => settings.loop.families.includes(family)).map(
      (family) => new FamilyValidator(family, options),
    );
    validatorMetrics.observe(
      () => this.opened(),
      () => this.families.flatMap(({ partitions }) => [...partitions.tripped()]),
    );
    observeServers(metrics, () => this.servers());
    observeClients(metrics);
    const deadLetterTopics = new Set(this.families.map(({ family }) => deadLetterTopic(rawTopic(family), 'validator')));
    this.deadLetters = new DeadLetterBacklog({
      topics: TOPICS.filter(({ name }) => deadLetterTopics.has(name)),
      createAdmin: () => this.kafka.admin(),
      metrics,
      logger,
    });
    this.registerHealth(health);
  }

  /** What `ensureTopics` needs. */
  dependencies(): readonly Dependency[] {
    return [kafkaDependency(this.kafka)];
  }

  /**
   * Creates the missing topics. One with a wrong partition count stops alone: its server does not read it.
   * @throws if the records of a raw topic have the time that their producer chose: the windows of the rules move by it.
   */
  async ensureTopics(): Promise<void> {
    await ensureTopics(this.kafka, TOPICS, {
      replication: this.settings.kafka.replication,
      onMismatch: (error) => {
        this.logger.error({ err: error, topic: error.topic }, error.message);
      },
    });
    const raw: readonly string[] = this.families.map(({ family }) => rawTopic(family));
    await checkTimestampTypes(
      this.kafka,
      TOPICS.filter(({ name }) => raw.includes(name)),
    );
    this.deadLetters.start();
  }

  servers(): KafkaBatchServer[] {
    return this.families.map(({ server }) => server);
  }

  /** Resolves when the batch is committed, or with what is to become of its partition. */
  async handle(batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const found = this.families.find(({ partitions }) => partitions.topic === batch.topic);
    if (found === undefined) return stop(new TypeError(`this instance does not validate ${batch.topic}`));
    return found.partitions.handle(batch, signal);
  }

  status(): object {
    const opened = [...this.opened()];
    return {
      settingsVersion: this.rules.current().quality.version,
      evaluatesBy: evaluationValues(this.rules.current().quality, this.settings),
      // Since the beginning of each assigned partition, restarts included.
      accounting: Object.fromEntries(
        this.families.map(({ family, partitions, server }) => [
          family,
          partitions.accounting(server.describe().partitions.map(({ partition }) => partition)),
        ]),
      ),
      effectiveWindows: Object.fromEntries(
        this.families.map(({ family }) => [
          family,
          shortestOf(opened.filter((one) => one.family === family).map(({ state }) => state.effectiveWindows())),
        ]),
      ),
      groups: this.servers().map((server) => {
        const { group, state } = server.describe();
        return { group, state };
      }),
      partitions: this.families.flatMap(({ partitions, server }) =>
        server.describe().partitions.map((status) => {
          const withoutBreaker = partitions.breakerSuspension(status.partition);
          return withoutBreaker === undefined ? status : { ...status, withoutBreaker };
        }),
      ),
    };
  }

  /**
   * Of the families, only the orders remember customers.
   * @param customer see `customerHash`
   */
  async forgetCustomer(customer: string): Promise<ForgottenDto> {
    const orders = this.families.find(({ family }) => family === 'orders');
    if (orders !== undefined) return orders.forgetCustomer(customer);
    const elsewhere = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    return { topic: stateTopic('orders'), partitions: [], failed: [], elsewhere };
  }

  pause(): Promise<void> {
    for (const server of this.servers()) server.pause();
    return Promise.resolve();
  }

  /**
   * Also opens the partitions again that an error or the circuit breaker stopped.
   *
   * @param body whether they go on without the circuit breaker, and for how long
   */
  resume(body: ResumeDto = {}): Promise<void> {
    const suspension = suspensionOf(body);
    if (suspension !== undefined) for (const { partitions } of this.families) partitions.suspendBreakers(suspension);
    for (const server of this.servers()) server.resume();
    return Promise.resolve();
  }

  /** Nest calls it after the servers are closed. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.catalog.stop(), this.deadLetters.stop()]);
  }

  private *opened(): Generator<ObservedState> {
    for (const { partitions } of this.families) yield* partitions.opened();
  }

  private registerHealth(health: Health): void {
    for (const { family, server } of this.families) {
      health.live(family, () => server.health().live);
      health.ready(family, () => server.health().ready);
    }
    health.live('catalog', () => ({ ok: this.catalog.failed === undefined, detail: this.catalog.failed?.message }));
  }
}

/** The shortest window of each kind. */
function shortestOf(windows: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const shortest: Record<string, number> = {};
  for (const window of windows) {
    for (const [kind, ms] of Object.entries(window)) shortest[kind] = Math.min(shortest[kind] ?? Infinity, ms);
  }
  return shortest;
}

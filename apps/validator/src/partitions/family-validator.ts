import { customerHash, type Family, PARTITIONS, stateTopic } from '@orderstream/contracts';
import { partitionFor, retry, type TopicPartition } from '@orderstream/kafka';
import type { Logger, Tracing } from '@orderstream/observability';
import { type CatalogLimits, RuleEvaluator, StateUnreadableError } from '@orderstream/quality';
import { leadsOnOf } from '@orderstream/service';
import type { Kafka } from 'kafkajs';
import type { CatalogReader } from '../catalog/catalog-reader';
import type { ForgottenDto } from '../control/forget-customer.dto';
import type { RulesInForce } from '../rules/run-time-rules';
import { groupOf, stateLimitsOf, type ValidatorSettings } from '../validator.config';
import type { ValidatorMetrics } from '../validator-metrics';
import { FamilyPartitions } from './family-partitions';
import { FamilyServer } from './family-server';
import type { FaultPoints } from './fault-points';
import { KafkaInputLog } from './input-log';
import { type BatchRules, PartitionValidator } from './partition-validator';
import type { Semaphore } from './semaphore';

/** After a change of the state that failed. */
const REOPEN_AFTER_MS = 100;
const DOCUMENT = 'docs/validator-state.md';

/** A state record that cannot be read does not know its partition. */
const leadsOnValidator =
  (family: Family) =>
  (ref: TopicPartition, cause: Error): string | undefined => {
    if (!(cause instanceof StateUnreadableError)) return leadsOnOf('validator', family, DOCUMENT)(ref, cause);
    const line = `npm run rebuild-state -- --family ${family} --partition ${String(ref.partition)}`;
    return `To rebuild it, run \`${line}\`, then \`POST /admin/resume\` (${DOCUMENT}#repair).`;
  };

/** Leaves 2 s of the 10 s between SIGTERM and exit. The next owner recovers what is not committed by then. */
const MAX_DRAIN_MS = 8_000;

export interface FamilyValidatorOptions {
  readonly settings: ValidatorSettings;
  /** What is in force now. */
  readonly rules: () => RulesInForce;
  readonly kafka: Kafka;
  readonly catalog: CatalogReader;
  readonly catalogLimits: CatalogLimits;
  /** Shared by all families. */
  readonly restores: Semaphore;
  readonly metrics: ValidatorMetrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly faults: FaultPoints;
}

/** One family's consumer group, as far as this instance takes part: its partitions and the server that reads them. */
export class FamilyValidator {
  readonly partitions: FamilyPartitions;
  readonly server: FamilyServer;
  /** Of the rules that were last in force. */
  private last: BatchRules | undefined;

  constructor(
    readonly family: Family,
    private readonly options: FamilyValidatorOptions,
  ) {
    const { kafka, logger } = options;
    const { loop } = options.settings;
    this.partitions = new FamilyPartitions(family, (ref) => this.createPartitionValidator(ref));
    this.server = new FamilyServer(family, {
      kafka,
      groupId: groupOf(family),
      hooks: this.partitions,
      leadsOn: leadsOnValidator(family),
      logger,
      maxBatchRecords: loop.maxBatchRecords,
      maxQueuedRecords: loop.maxQueuedRecords,
      maxQueuedBytes: loop.maxQueuedBytes,
      sessionTimeoutMs: loop.sessionTimeoutMs,
      rebalanceTimeoutMs: loop.rebalanceTimeoutMs,
      drainTimeoutMs: Math.min(MAX_DRAIN_MS, Math.floor(loop.rebalanceTimeoutMs / 3)),
      handlerTimeoutMs: loop.handlerTimeoutMs,
    });
  }

  /**
   * Removes a customer from the state of the partitions that this instance has open.
   * @param customer see `customerHash`
   */
  async forgetCustomer(customer: string): Promise<ForgottenDto> {
    const partitions: { partition: number; removed: number }[] = [];
    const failed: { partition: number; detail: string }[] = [];
    const elsewhere: number[] = [];
    const isMeant = (customerId: string): boolean => customerHash(customerId) === customer;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      try {
        const removed = await this.partitions.forgetCustomers(partition, isMeant);
        if (removed === undefined) elsewhere.push(partition);
        else partitions.push({ partition, removed });
      } catch (error) {
        const ref = { topic: this.partitions.topic, partition };
        this.options.logger.warn({ err: error, ...ref }, 'a customer could not be removed from the state');
        failed.push({ partition, detail: error instanceof Error ? error.message : String(error) });
        // The outcome may be unknown: the opening finds it.
        this.server.interrupt(ref, retry(REOPEN_AFTER_MS, error));
      }
    }
    return { topic: stateTopic(this.family), partitions, failed, elsewhere };
  }

  /** An evaluator is made once for each version of the settings. */
  private rules(): BatchRules {
    const { quality, breaker } = this.options.rules();
    if (this.last?.quality !== quality) {
      const evaluator = new RuleEvaluator({
        family: this.family,
        settings: quality,
        partitionOf: (key) => partitionFor(key),
      });
      this.last = { evaluator, quality, breaker };
    }
    return this.last;
  }

  private createPartitionValidator(ref: TopicPartition): PartitionValidator {
    const { settings, kafka, catalog, catalogLimits, restores, metrics, tracing, logger, faults } = this.options;
    return new PartitionValidator({
      kafka,
      family: this.family,
      groupId: groupOf(this.family),
      ref,
      rules: () => this.rules(),
      stateLimits: stateLimitsOf(settings),
      restores,
      catalog,
      catalogLimits,
      log: new KafkaInputLog(kafka, ref),
      transactionTimeoutMs: settings.loop.transactionTimeoutMs,
      metrics,
      tracing,
      logger,
      faults,
      clock: () => new Date(),
    });
  }
}

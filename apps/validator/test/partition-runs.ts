import { type Family, rawTopic } from '@orderstream/contracts';
import { type BatchOutcome, type KafkaRecord, partitionFor, readPartition } from '@orderstream/kafka';
import { createLogger, Metrics } from '@orderstream/observability';
import {
  type Accounting,
  DEFAULT_CATALOG_LIMITS,
  DEFAULT_STATE_LIMITS,
  emptyAccounting,
  Judge,
  qualitySettings,
} from '@orderstream/quality';
import { CatalogReader } from '../src/catalog/catalog-reader';
import { type FaultPoints, NO_FAULTS } from '../src/partitions/fault-points';
import { PartitionValidator } from '../src/partitions/partition-validator';
import { ValidatorMetrics } from '../src/validator-metrics';
import type { TestLog } from './log';

export const SETTINGS = qualitySettings();
const BATCH_RECORDS = 8;
const logger = createLogger({ service: 'validator', level: 'silent' });

export interface RunOptions {
  readonly faults?: FaultPoints;
  readonly judge?: Judge;
  readonly catalog?: CatalogReader;
}

/** Validators of single partitions, each as a process of its own would have it: nothing is shared between them. */
export class PartitionRuns {
  constructor(
    private readonly log: TestLog,
    private readonly family: Family,
  ) {}

  catalog(waitMs = 1_000): CatalogReader {
    return new CatalogReader({
      kafka: this.log.kafka,
      catalogGroupId: 'validator-catalog',
      limits: DEFAULT_CATALOG_LIMITS,
      waitMs,
      logger,
    });
  }

  validator(partition: number, { faults = NO_FAULTS, judge, catalog }: RunOptions = {}): PartitionValidator {
    const { family, log } = this;
    return new PartitionValidator({
      kafka: log.kafka,
      family,
      groupId: `validator-${family}`,
      ref: { topic: rawTopic(family), partition },
      judge: judge ?? new Judge({ family, settings: SETTINGS, partitionOf: (key) => partitionFor(key) }),
      settings: SETTINGS,
      stateLimits: DEFAULT_STATE_LIMITS,
      catalog: catalog ?? this.catalog(),
      transactionTimeoutMs: 10_000,
      breaker: { windowRecords: 0, maxShare: 1 },
      metrics: new ValidatorMetrics(new Metrics({ app: 'validator', processMetrics: false }), SETTINGS.actions),
      logger,
      faults,
      clock: () => new Date(),
    });
  }

  /** The accounts as a process that knows nothing restores them. */
  async accounting(partition: number): Promise<Accounting> {
    const validator = this.validator(partition);
    await validator.open();
    const accounting = validator.state?.accounting ?? emptyAccounting();
    await validator.close();
    return accounting;
  }

  /** Validates what others have left. */
  async settle(partition: number): Promise<void> {
    const validator = this.validator(partition);
    await this.toEnd(validator, partition);
    await validator.close();
  }

  /** What a lane does: opens, hands over batch by batch, and after a retry opens again. `tries`: at most that often. */
  async toEnd(validator: PartitionValidator, partition: number, tries = Infinity): Promise<BatchOutcome[]> {
    const topic = rawTopic(this.family);
    const outcomes: BatchOutcome[] = [];
    for (let tried = 1; ; tried++) {
      const from = (await validator.open()) ?? 'beginning';
      const records: KafkaRecord[] = [];
      const { nextOffset: end } = await readPartition(
        this.log.kafka,
        { topic, partition, from, until: 'end', isolation: 'committed' },
        (batch) => {
          records.push(...batch.records);
        },
      );
      let last: BatchOutcome = { kind: 'ack' };
      while (records.length > 0 && last.kind === 'ack') {
        const batch = records.splice(0, BATCH_RECORDS);
        const nextOffset = records[0]?.offset ?? end;
        last = await validator.handle(
          { topic, partition, records: batch, nextOffset, highWatermark: end },
          new AbortController().signal,
        );
        outcomes.push(last);
      }
      if (last.kind === 'ack' || tried >= tries) return outcomes;
      await validator.close();
    }
  }
}

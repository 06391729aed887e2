import { type Family, rawTopic } from '@orderstream/contracts';
import { type BatchOutcome, type KafkaRecord, partitionFor, readPartition } from '@orderstream/kafka';
import { createLogger, Metrics } from '@orderstream/observability';
import {
  type Accounting,
  DEFAULT_CATALOG_LIMITS,
  DEFAULT_STATE_LIMITS,
  emptyAccounting,
  RuleEvaluator,
  qualitySettings,
} from '@orderstream/quality';
import { everyStep } from '../../../test/support/every-step';
import { CatalogReader } from '../src/catalog/catalog-reader';
import { type FaultPoint, type FaultPoints, NO_FAULTS } from '../src/partitions/fault-points';
import { PartitionValidator } from '../src/partitions/partition-validator';
import { ValidatorMetrics } from '../src/validator-metrics';
import type { TestLog } from './log';

export const SETTINGS = qualitySettings();
const BATCH_RECORDS = 8;
const logger = createLogger({ service: 'validator', level: 'silent' });

export interface RunOptions {
  readonly faults?: FaultPoints;
  readonly evaluator?: RuleEvaluator;
  readonly catalog?: CatalogReader;
}

/** A process that stands still at a step, as if it had died, and goes on as a zombie when it is revived. */
export interface Death {
  readonly faults: FaultPoints;
  readonly died: Promise<unknown>;
  revive(): void;
}

/** Validators of single partitions, each as a process of its own would have it: nothing is shared between them. */
export class PartitionRuns {
  private validators: PartitionValidator[] = [];
  private catalogs: CatalogReader[] = [];
  private runs: Promise<unknown>[] = [];
  private over = new AbortController();

  constructor(
    private readonly log: TestLog,
    private readonly family: Family,
  ) {}

  /** Ends all that a test began and did not end, as one that failed does not. */
  async stop(): Promise<void> {
    const { validators, catalogs, runs } = this;
    this.over.abort(new Error('the test is over'));
    const closeAll = validators.map((validator) => () => validator.close());
    await everyStep(
      ...catalogs.map((catalog) => () => catalog.stop()),
      ...closeAll,
      () => Promise.allSettled(runs),
      // One may have opened again meanwhile.
      ...closeAll,
    );
    [this.validators, this.catalogs, this.runs] = [[], [], []];
    this.over = new AbortController();
  }

  /** Dies when it reaches the point for the nth time. */
  death(point: FaultPoint, occurrence = 1): Death {
    const died = Promise.withResolvers<undefined>();
    const revived = Promise.withResolvers<undefined>();
    const { signal } = this.over;
    signal.addEventListener('abort', () => {
      revived.reject(signal.reason);
    });
    // Without a zombie nobody waits for it.
    revived.promise.catch(() => undefined);
    let seen = 0;
    return {
      died: died.promise,
      faults: {
        reached: (reached) => {
          if (reached !== point || ++seen !== occurrence) return undefined;
          died.resolve(undefined);
          return revived.promise;
        },
      },
      revive: () => {
        revived.resolve(undefined);
      },
    };
  }

  catalog(waitMs = 1_000): CatalogReader {
    const catalog = new CatalogReader({
      kafka: this.log.kafka,
      catalogGroupId: 'validator-catalog',
      limits: DEFAULT_CATALOG_LIMITS,
      waitMs,
      logger,
    });
    this.catalogs.push(catalog);
    return catalog;
  }

  validator(partition: number, { faults = NO_FAULTS, evaluator, catalog }: RunOptions = {}): PartitionValidator {
    const { family, log } = this;
    const validator = new PartitionValidator({
      kafka: log.kafka,
      family,
      groupId: `validator-${family}`,
      ref: { topic: rawTopic(family), partition },
      evaluator:
        evaluator ?? new RuleEvaluator({ family, settings: SETTINGS, partitionOf: (key) => partitionFor(key) }),
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
    this.validators.push(validator);
    return validator;
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

  /** What a task does: opens, hands over batch by batch, and after a retry opens again. `tries`: at most that often. */
  toEnd(validator: PartitionValidator, partition: number, tries = Infinity): Promise<BatchOutcome[]> {
    const run = this.run(validator, partition, tries, this.over.signal);
    this.runs.push(run);
    return run;
  }

  private async run(
    validator: PartitionValidator,
    partition: number,
    tries: number,
    over: AbortSignal,
  ): Promise<BatchOutcome[]> {
    const topic = rawTopic(this.family);
    const outcomes: BatchOutcome[] = [];
    for (let tried = 1; ; tried++) {
      over.throwIfAborted();
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

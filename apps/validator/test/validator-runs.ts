import { type Family, rawTopic } from '@orderstream/contracts';
import { type BatchOutcome, type KafkaRecord, partitionFor, readPartition } from '@orderstream/kafka';
import { createLogger, Metrics, NO_TRACING } from '@orderstream/observability';
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
import { KafkaInputLog } from '../src/partitions/input-log';
import { Semaphore } from '../src/partitions/semaphore';
import { type PositionTarget, setPosition, type SetPositionReport } from '../src/positions/set-position';
import { type RebuildReport, rebuildState } from '../src/rebuild/rebuild-state';
import { ValidatorMetrics } from '../src/validator-metrics';
import type { TestLog } from './log';

export const SETTINGS = qualitySettings();
const BATCH_RECORDS = 8;
const logger = createLogger({ service: 'validator', level: 'silent' });

export interface ValidatorOptions {
  readonly faults?: FaultPoints;
  readonly evaluator?: RuleEvaluator;
  readonly catalog?: CatalogReader;
}

/** Suspends a validator at a fault point. To the others it is dead; resumed, it is a zombie. */
export interface Suspension {
  readonly faults: FaultPoints;
  /** Resolves when the validator is suspended. */
  readonly suspended: Promise<unknown>;
  resume(): void;
}

/** Runs validators of single partitions. They share nothing, as if each were a process of its own. */
export class ValidatorRuns {
  private validators: PartitionValidator[] = [];
  private catalogs: CatalogReader[] = [];
  private runs: Promise<unknown>[] = [];
  private stopping = new AbortController();

  /** @param rules the family whose rules apply, if it is another one */
  constructor(
    private readonly log: TestLog,
    private readonly family: Family,
    private readonly rules: Family = family,
  ) {}

  /** Stops what the last test started and, if it failed, did not stop. */
  async stop(): Promise<void> {
    const { validators, catalogs, runs } = this;
    this.stopping.abort(new Error('the test has ended'));
    const closeAll = validators.map((validator) => () => validator.close());
    await everyStep(
      ...catalogs.map((catalog) => () => catalog.stop()),
      ...closeAll,
      () => Promise.allSettled(runs),
      // A run may have opened its partition again.
      ...closeAll,
    );
    [this.validators, this.catalogs, this.runs] = [[], [], []];
    this.stopping = new AbortController();
  }

  /** Suspends a validator when it reaches the point for the nth time. */
  suspendAt(point: FaultPoint, occurrence = 1): Suspension {
    const suspended = Promise.withResolvers<undefined>();
    const resumed = Promise.withResolvers<undefined>();
    const { signal } = this.stopping;
    signal.addEventListener('abort', () => {
      resumed.reject(signal.reason);
    });
    // Unhandled if no validator was suspended.
    resumed.promise.catch(() => undefined);
    let seen = 0;
    return {
      suspended: suspended.promise,
      faults: {
        reached: (reached) => {
          if (reached !== point || ++seen !== occurrence) return undefined;
          suspended.resolve(undefined);
          return resumed.promise;
        },
      },
      resume: () => {
        resumed.resolve(undefined);
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

  validator(partition: number, options: ValidatorOptions = {}): PartitionValidator {
    const { faults = NO_FAULTS, evaluator, catalog } = options;
    const { family, log } = this;
    const ref = { topic: rawTopic(family), partition };
    const rules = {
      evaluator:
        evaluator ??
        new RuleEvaluator({ family: this.rules, settings: SETTINGS, partitionOf: (key) => partitionFor(key) }),
      quality: SETTINGS,
      breaker: { windowRecords: 0, maxShare: 1 },
    };
    const validator = new PartitionValidator({
      kafka: log.kafka,
      family,
      groupId: `validator-${family}`,
      ref,
      log: new KafkaInputLog(log.kafka, ref),
      rules: () => rules,
      stateLimits: DEFAULT_STATE_LIMITS,
      catalogLimits: DEFAULT_CATALOG_LIMITS,
      restores: new Semaphore(1),
      catalog: catalog ?? this.catalog(),
      transactionTimeoutMs: 10_000,
      metrics: new ValidatorMetrics(new Metrics({ app: 'validator', processMetrics: false })),
      tracing: NO_TRACING,
      logger,
      faults,
      clock: () => new Date(),
    });
    this.validators.push(validator);
    return validator;
  }

  /** The command `set-position`. */
  setPosition(partition: number, target: PositionTarget, faults: FaultPoints = NO_FAULTS): Promise<SetPositionReport> {
    return setPosition({
      ...this.command(partition, faults),
      target,
      maxAheadMs: SETTINGS.maxAheadMs,
      logger,
      actor: 'test',
    });
  }

  /** The command `rebuild-state`. */
  rebuild(partition: number, faults: FaultPoints = NO_FAULTS): Promise<RebuildReport> {
    return rebuildState({ ...this.command(partition, faults), settings: SETTINGS });
  }

  /** The accounts as a new process restores them. */
  async restoreAccounting(partition: number): Promise<Accounting> {
    const validator = this.validator(partition);
    await validator.open();
    const accounting = validator.state?.accounting ?? emptyAccounting();
    await validator.close();
    return accounting;
  }

  /** Validates the records that are left, with a validator of its own. */
  async validateRest(partition: number): Promise<void> {
    const validator = this.validator(partition);
    await this.runToEnd(validator, partition);
    await validator.close();
  }

  /**
   * Does what a partition task does: opens the partition, hands over batch by batch, and opens again after a retry, up
   * to `tries` times. Returns the outcomes of all batches.
   */
  runToEnd(validator: PartitionValidator, partition: number, tries = Infinity): Promise<BatchOutcome[]> {
    const run = this.run(validator, partition, tries, this.stopping.signal);
    this.runs.push(run);
    return run;
  }

  private command(partition: number, faults: FaultPoints) {
    const { family, log } = this;
    return {
      kafka: log.kafka,
      family,
      partition,
      groupId: `validator-${family}`,
      limits: DEFAULT_STATE_LIMITS,
      catalogLimits: DEFAULT_CATALOG_LIMITS,
      transactionTimeoutMs: 10_000,
      clock: () => new Date(),
      faults,
    };
  }

  private async run(
    validator: PartitionValidator,
    partition: number,
    tries: number,
    stopping: AbortSignal,
  ): Promise<BatchOutcome[]> {
    const topic = rawTopic(this.family);
    const outcomes: BatchOutcome[] = [];
    for (let tried = 1; ; tried++) {
      stopping.throwIfAborted();
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
        last = await validator.handle({ topic, partition, records: batch, nextOffset }, new AbortController().signal);
        outcomes.push(last);
      }
      if (last.kind === 'ack' || tried >= tries) return outcomes;
      await validator.close();
    }
  }
}

import { CATALOG_VERSIONS_TOPIC, type Family, PARTITIONS, partitionFor, stateTopic } from '@orderstream/contracts';
import { type OutputRecord, readPartition } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import {
  Catalog,
  type CatalogLimits,
  decodeCatalogRecord,
  PartitionState,
  type QualitySettings,
  RuleEvaluator,
  type StateLimits,
  StateOverlay,
} from '@orderstream/quality';
import { type Kafka } from 'kafkajs';
import { type DryRun, type SettingsComparison } from './plan';
import { asEvaluated, type Decision } from './returned-records';

/** Records whose changes are held before they are folded into the state. */
const FOLD_RECORDS = 1_000;

/** What the validators evaluate by now. */
export interface EvaluationSettings {
  readonly quality: QualitySettings;
  readonly stateLimits: StateLimits;
  readonly catalogLimits: CatalogLimits;
  /** The highest revision of the settings at run time that they contain. */
  readonly revision: number;
  /** Settings at run time that are left out, because this version does not know them. */
  readonly problems: readonly string[];
  /** With what the validators evaluate by. `unknown`: why no validator has said it. */
  readonly comparison: SettingsComparison & { readonly unknown?: string };
}

/** Counts what the rules find in letters. */
export class DryRunCount {
  private passes = 0;
  private undecided = 0;
  private readonly fails = new Map<string, number>();

  pass(): void {
    this.passes++;
  }

  leaveUndecided(): void {
    this.undecided++;
  }

  fail(code: string): void {
    this.fails.set(code, (this.fails.get(code) ?? 0) + 1);
  }

  failed(code: string): number {
    return this.fails.get(code) ?? 0;
  }

  finish(): DryRun {
    const fails = Array.from(this.fails, ([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
    return { passes: this.passes, fails, undecided: this.undecided };
  }
}

/**
 * Evaluates the letters of one partition as the validator would, one after the other: with the state that it has committed,
 * and with the catalog as it is now. A letter that passes changes the state for those behind it.
 */
export class DryRunPartition {
  private readonly evaluator: RuleEvaluator;
  private overlay: StateOverlay;
  private records = 0;

  constructor(
    family: Family,
    settings: QualitySettings,
    private readonly state: PartitionState,
    private readonly catalog: Catalog,
    private readonly nowMs: number,
  ) {
    this.evaluator = new RuleEvaluator({ family, settings, partitionOf: (key) => partitionFor(key) });
    this.overlay = new StateOverlay(state);
  }

  evaluate(record: OutputRecord, count: DryRunCount): void {
    const { overlay, nowMs } = this;
    overlay.advanceTo(nowMs, nowMs);
    const evaluated = { ...asEvaluated(record), timestamp: nowMs };
    const { verdict, changes } = this.evaluator.evaluate(evaluated, overlay, this.catalog, true);
    overlay.settle(verdict, changes);
    if (++this.records % FOLD_RECORDS === 0) {
      overlay.fold(this.records);
      this.overlay = new StateOverlay(this.state);
    }
    if (verdict.kind === 'reject') count.fail(verdict.reasons[0]?.code ?? 'internal.rule_failed');
    else if (verdict.kind === 'skip') count.fail(verdict.rule);
    else if (verdict.kind === 'wait') count.leaveUndecided();
    else count.pass();
  }
}

/** What a dry run evaluates by, read from the topics of the validator. */
export class DryRunSource {
  private catalog: Promise<Catalog> | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly settings: EvaluationSettings,
    private readonly existing: ReadonlySet<string>,
    private readonly logger: Logger,
  ) {}

  /**
   * @returns undefined if what the validator remembers cannot be read: nothing about these letters is certain then
   * @throws the signal's reason
   */
  async partition(
    family: Family,
    partition: number,
    now: Date,
    signal: AbortSignal,
  ): Promise<DryRunPartition | undefined> {
    const topics = [stateTopic(family), ...(family === 'orders' ? [CATALOG_VERSIONS_TOPIC] : [])];
    if (topics.some((topic) => !this.existing.has(topic))) return undefined;
    try {
      this.catalog ??=
        family === 'orders' ? this.readCatalog(signal) : Promise.resolve(new Catalog(this.settings.catalogLimits));
      const catalog = await this.catalog;
      const state = await this.readState(family, partition, signal);
      return new DryRunPartition(family, this.settings.quality, state, catalog, now.getTime());
    } catch (error) {
      signal.throwIfAborted();
      this.logger.warn({ err: error, family, partition }, 'the dry run of a replay cannot read what the validator has');
      return undefined;
    }
  }

  /** The state of a partition as the validator has committed it. Reads only. */
  private async readState(family: Family, partition: number, signal: AbortSignal): Promise<PartitionState> {
    const state = new PartitionState(this.settings.stateLimits);
    const range = { topic: stateTopic(family), partition, from: 'beginning', until: 'end', signal } as const;
    await readPartition(this.kafka, range, ({ records }) => {
      for (const { key, value } of records) if (key !== null) state.restoreRecord(key, value);
    });
    state.finishRestore();
    return state;
  }

  private async readCatalog(signal: AbortSignal): Promise<Catalog> {
    const catalog = new Catalog(this.settings.catalogLimits);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const range = { topic: CATALOG_VERSIONS_TOPIC, partition, from: 'beginning', until: 'end', signal } as const;
      await readPartition(this.kafka, range, ({ records }) => {
        for (const { key, value } of records) {
          const name = key?.toString() ?? '';
          const record = decodeCatalogRecord(name, value === null ? null : value.toString(), catalog.limits);
          if (record.kind === 'entity') catalog.set(record.item);
          else if (record.kind === 'deleted') catalog.delete(record.entity, record.id);
          else if (record.position?.isCut === true) catalog.truncated = true;
        }
      });
    }
    return catalog;
  }
}

/** Counts what a plan does with a letter; one that returns is evaluated if there is something to evaluate it by. */
export function countDecision(decision: Decision, dryRun: DryRunPartition | undefined, count: DryRunCount): void {
  if (decision.kind !== 'return') count.fail(decision.code);
  else if (dryRun === undefined) count.leaveUndecided();
  else dryRun.evaluate(decision.record, count);
}

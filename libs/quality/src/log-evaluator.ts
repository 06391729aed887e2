import { type ExpectedOutcome, FAMILIES, type Family, partitionFor, type RuleCode } from '@orderstream/contracts';
import { Catalog } from './catalog/catalog';
import { RuleEvaluator } from './rule-evaluator';
import { type QualitySettings, qualitySettings } from './settings';
import { type Accounting, sumOf } from './state/accounting';
import { PartitionState } from './state/partition-state';
import { StateOverlay } from './state/state-overlay';
import type { RawRecord, Verdict } from './verdict';

/** Records whose changes are held before they are folded into a partition's state. */
const BATCH_RECORDS = 100;

interface Partition {
  readonly state: PartitionState;
  overlay: StateOverlay;
  records: number;
}

/**
 * Evaluates the records of all families in memory, one after the other, without a broker: the state is that of each
 * partition, and the catalog has what was accepted before. For tests and measurements.
 */
export class LogEvaluator {
  private readonly catalog = new Catalog();
  private readonly evaluators: ReadonlyMap<Family, RuleEvaluator>;
  private readonly partitions = new Map<string, Partition>();

  constructor(settings: QualitySettings = qualitySettings()) {
    const partitionOf = (key: Buffer): number => partitionFor(key);
    this.evaluators = new Map(
      FAMILIES.map((family) => [family, new RuleEvaluator({ family, settings, partitionOf })] as const),
    );
  }

  /** The final verdict. The append times must not decrease. */
  evaluate(family: Family, record: RawRecord): Verdict {
    const evaluator = this.evaluators.get(family);
    if (evaluator === undefined) throw new TypeError(`${family} is not a family`);
    const partition = this.partition(`${family}/${String(record.partition)}`);
    const { overlay } = partition;
    overlay.advanceTo(record.timestamp, record.timestamp);
    const { verdict, changes } = evaluator.evaluate(record, overlay, this.catalog, true);
    overlay.settle(verdict, changes);
    if (++partition.records % BATCH_RECORDS === 0) {
      overlay.fold(partition.records);
      partition.overlay = new StateOverlay(partition.state);
    }
    if (family === 'catalog' && verdict.kind === 'accept') this.catalog.apply(JSON.parse(String(record.value)));
    return verdict;
  }

  /** The sums over all partitions. */
  get accounting(): Accounting {
    return sumOf([...this.partitions.values()].map(({ overlay }) => overlay.accounting));
  }

  private partition(name: string): Partition {
    let partition = this.partitions.get(name);
    if (partition === undefined) {
      const state = new PartitionState();
      partition = { state, overlay: new StateOverlay(state), records: 0 };
      this.partitions.set(name, partition);
    }
    return partition;
  }
}

/** A final verdict as the accounting counts it: the outcome, and the rules that reject, skip, repair or flag. */
export function outcomeOf(verdict: Verdict): {
  readonly outcome: ExpectedOutcome;
  readonly rules: readonly RuleCode[];
} {
  switch (verdict.kind) {
    case 'reject': {
      const [first = 'internal.rule_failed', ...others] = new Set(verdict.reasons.map(({ code }) => code));
      return { outcome: `reject:${first}`, rules: [first, ...others] };
    }
    case 'skip':
      return { outcome: 'skip', rules: [verdict.rule] };
    case 'wait':
      throw new TypeError('a record that waits has no outcome');
    default:
      return { outcome: verdict.kind, rules: verdict.flags };
  }
}

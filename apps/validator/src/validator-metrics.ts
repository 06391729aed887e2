import { FAMILIES, RULE_CODES, type Family, type RuleAction, type RuleCode } from '@orderstream/contracts';
import { observeTransactions, type TopicPartition } from '@orderstream/kafka';
import { METRIC, type Metrics } from '@orderstream/observability';
import type { Accounting, PartitionState } from '@orderstream/quality';

/** The label `outcome` of `orderstream_records_total`, by count of the accounts. */
export const OUTCOME_LABELS = {
  accepted: 'accepted',
  repaired: 'repaired',
  skipped: 'skipped',
  deadLettered: 'dead_lettered',
  passedOver: 'passed_over',
} as const satisfies Partial<Record<keyof Accounting, string>>;

/** An open partition's state, for the gauges. */
export interface ObservedState extends TopicPartition {
  readonly family: Family;
  readonly state: PartitionState;
}

/** The service's metrics. Counters count the commits of this process; the accounts in the state are cumulative. */
export class ValidatorMetrics {
  /** Counts a failed transaction. */
  readonly transactionFailed;
  private readonly records;
  private readonly parkedLetters;
  private readonly rules;
  private readonly transactionSeconds;
  private readonly restoreSeconds;
  private readonly restoreRecords;
  private readonly batchRecords;
  private readonly catalogWaits;

  constructor(private readonly metrics: Metrics) {
    this.records = metrics.counter(METRIC.records);
    // An alert on an increase needs the series before the first one.
    for (const family of FAMILIES) {
      for (const outcome of Object.values(OUTCOME_LABELS)) this.records.inc({ family, outcome }, 0);
    }
    this.parkedLetters = metrics.counter(METRIC.deadLettersParked);
    this.rules = metrics.counter(METRIC.ruleFired);
    this.transactionSeconds = metrics.histogram(METRIC.transactionSeconds);
    this.transactionFailed = observeTransactions(metrics);
    this.restoreSeconds = metrics.histogram(METRIC.restoreSeconds);
    this.restoreRecords = metrics.counter(METRIC.restoreRecords);
    this.batchRecords = metrics.histogram(METRIC.batchRecords);
    this.catalogWaits = metrics.gauge(METRIC.catalogWaits);
  }

  /** Registers the gauges of partitions, which read them when they are scraped. */
  observe(opened: () => Iterable<ObservedState>, tripped: () => Iterable<TopicPartition>): void {
    this.metrics.gauge(METRIC.breakerTripped, (gauge) => {
      gauge.reset();
      for (const { topic, partition } of tripped()) gauge.set({ topic, partition: String(partition) }, 1);
    });
    this.metrics.gauge(METRIC.stateEntries, (gauge) => {
      gauge.reset();
      for (const { family, partition, state } of opened()) {
        for (const [kind, size] of Object.entries(state.sizes())) {
          gauge.set({ family, kind, partition: String(partition) }, size);
        }
      }
    });
    this.metrics.gauge(METRIC.effectiveWindowSeconds, (gauge) => {
      gauge.reset();
      for (const { family, partition, state } of opened()) {
        for (const [kind, windowMs] of Object.entries(state.effectiveWindows())) {
          gauge.set({ family, kind: kind.replace(/Ms$/, ''), partition: String(partition) }, windowMs / 1000);
        }
      }
    });
  }

  committed(
    family: Family,
    records: number,
    seconds: number,
    before: Accounting,
    after: Accounting,
    actions: Readonly<Record<RuleCode, RuleAction>>,
  ): void {
    this.transactionSeconds.observe({ family }, seconds);
    this.batchRecords.observe({ operation: 'transaction' }, records);
    for (const [outcome, label] of Object.entries(OUTCOME_LABELS) as [keyof typeof OUTCOME_LABELS, string][]) {
      const count = after[outcome] - before[outcome];
      if (count > 0) this.records.inc({ family, outcome: label }, count);
    }
    for (const rule of RULE_CODES) {
      const count = (after.rules[rule] ?? 0) - (before.rules[rule] ?? 0);
      if (count > 0) this.rules.inc({ rule, action: actions[rule] }, count);
    }
  }

  /** A dead letter was parked. It counts as dead-lettered, too. */
  parked(family: Family, reason: string): void {
    this.parkedLetters.inc({ family, reason });
  }

  restored(family: Family, records: number, seconds: number): void {
    this.restoreSeconds.observe({ family }, seconds);
    this.restoreRecords.inc({ family }, records);
  }

  /** Shows that a record of the partition waits for the catalog, until the returned function is called. */
  waiting({ topic, partition }: TopicPartition): () => void {
    const labels = { topic, partition: String(partition) };
    this.catalogWaits.set(labels, 1);
    return () => {
      this.catalogWaits.set(labels, 0);
    };
  }
}

import { type Family, FAMILIES } from '@orderstream/contracts';
import type { TopicPartition } from '@orderstream/kafka';
import { METRIC, type Metrics, type RecordLog } from '@orderstream/observability';

import type { FailurePolicy } from './failure-policy';
import type { PartitionSink } from './streams/partition-sink';
import type { SinkObserver } from './streams/sink-observer';

type Partitions = () => Iterable<readonly [TopicPartition, PartitionSink]>;

/** The metrics of the sink: counters fed by its partitions, and gauges read from them at each scrape. */
export class SinkMetrics {
  /** Since the start of this process. */
  readonly totals = {
    rowsAppended: 0,
    deadLettered: 0,
    rowsSkippedOnRecovery: 0,
    streamsCreated: 0,
    fallbacksTaken: 0,
  };
  private readonly observers: ReadonlyMap<Family, SinkObserver>;
  private readonly failures;

  constructor(metrics: Metrics, recordLog: RecordLog, partitions: Partitions) {
    this.observers = new Map(FAMILIES.map((family) => [family, this.observe(metrics, recordLog, family)]));
    this.failures = metrics.counter(METRIC.partitionFailures);
    registerGauges(metrics, partitions);
  }

  /** Counts the work of a partition of this family, and reports appends and new streams to its failure policy. */
  observerFor(family: Family, policy: Pick<FailurePolicy, 'appended' | 'streamCreated'>): SinkObserver {
    const observer = this.observers.get(family);
    if (observer === undefined) throw new TypeError(`no metrics for ${family}`);
    return {
      ...observer,
      appended: (...appended) => {
        observer.appended(...appended);
        policy.appended();
      },
      streamCreated: () => {
        observer.streamCreated();
        policy.streamCreated();
      },
    };
  }

  failed(family: Family, reason: string): void {
    this.failures.inc({ family, reason });
  }

  private observe(metrics: Metrics, recordLog: RecordLog, family: Family): SinkObserver {
    const { totals } = this;
    const label = { family };
    const operation = { operation: 'append' };
    const records = metrics.counter(METRIC.records);
    const rowsAppended = metrics.counter(METRIC.rowsAppended);
    const batchRecords = metrics.histogram(METRIC.batchRecords);
    const batchBytes = metrics.histogram(METRIC.batchBytes);
    const appendSeconds = metrics.histogram(METRIC.appendSeconds);
    const freshness = metrics.histogram(METRIC.freshness);
    const deadLetters = metrics.counter(METRIC.deadLetters);
    const skipped = metrics.counter(METRIC.rowsSkippedOnRecovery);
    const streams = metrics.counter(METRIC.streamsCreated);
    const fallbacks = metrics.counter(METRIC.fallbacksTaken);
    // An alert on an increase needs the series before the first one.
    records.inc({ family, outcome: 'dead_lettered' }, 0);
    for (const counter of [streams, fallbacks]) counter.inc(label, 0);
    return {
      appending: (rows) => {
        batchRecords.observe(operation, rows.rows);
        batchBytes.observe(operation, rows.size);
      },
      appended: (sent, rows, seconds) => {
        totals.rowsAppended += rows.rows;
        records.inc({ family, outcome: 'appended' }, rows.rows);
        rowsAppended.inc(label, rows.rows);
        appendSeconds.observe(label, seconds);
        const [first] = sent;
        // One observation per append, for its oldest record: it waited longest.
        if (first !== undefined) freshness.observe(label, (Date.now() - first.timestamp) / 1_000);
      },
      rejected: (rejections) => {
        totals.deadLettered += rejections.length;
        records.inc({ family, outcome: 'dead_lettered' }, rejections.length);
        for (const { record, reason } of rejections) {
          deadLetters.inc({ family, reason: reason.code });
          recordLog.info(record, { reason: reason.code, path: reason.path }, 'dead-lettered');
        }
      },
      skipped: (rows) => {
        totals.rowsSkippedOnRecovery += rows;
        skipped.inc(label, rows);
      },
      streamCreated: () => {
        totals.streamsCreated++;
        streams.inc(label);
      },
      fallbackTaken: () => {
        totals.fallbacksTaken++;
        fallbacks.inc(label);
      },
    };
  }
}

function registerGauges(metrics: Metrics, partitions: Partitions): void {
  metrics.gauge(METRIC.durableLagRecords, (gauge) => {
    gauge.reset();
    for (const [{ topic, partition }, sink] of partitions()) {
      gauge.set({ topic, partition }, sink.describe().pendingRecords);
    }
  });
  metrics.gauge(METRIC.durableLagSeconds, (gauge) => {
    gauge.reset();
    for (const [{ topic, partition }, sink] of partitions()) {
      const { oldestPendingMs } = sink.describe();
      gauge.set({ topic, partition }, oldestPendingMs === null ? 0 : Math.max(0, Date.now() - oldestPendingMs) / 1_000);
    }
  });
}

import { type Family, FAMILIES } from '@orderstream/contracts';
import type { PartitionRef } from '@orderstream/kafka';
import { METRIC, type Metrics, type RecordLog } from '@orderstream/observability';

import type { PartitionSink } from './streams/partition-sink';
import type { SinkObserver } from './streams/sink-observer';

type Partitions = () => Iterable<readonly [PartitionRef, PartitionSink]>;

/** What the sink counts, and what it reads off its partitions when it is scraped. */
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
    readGauges(metrics, partitions);
  }

  /** @param told is told of what a partition's policy hangs on, too */
  observer(family: Family, told: { appended(): void; streamCreated(): void }): SinkObserver {
    const observer = this.observers.get(family);
    if (observer === undefined) throw new TypeError(`no metrics for ${family}`);
    return {
      ...observer,
      appended: (...landed) => {
        observer.appended(...landed);
        told.appended();
      },
      streamCreated: () => {
        observer.streamCreated();
        told.streamCreated();
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
    return {
      appending: (rows) => {
        batchRecords.observe(operation, rows.rows);
        batchBytes.observe(operation, rows.size);
      },
      appended: (taken, rows, seconds) => {
        totals.rowsAppended += rows.rows;
        records.inc({ family, outcome: 'appended' }, rows.rows);
        rowsAppended.inc(label, rows.rows);
        appendSeconds.observe(label, seconds);
        const [first] = taken;
        // Once per append, for its oldest row: it waited longest.
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
      fellBack: () => {
        totals.fallbacksTaken++;
        fallbacks.inc(label);
      },
    };
  }
}

function readGauges(metrics: Metrics, partitions: Partitions): void {
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

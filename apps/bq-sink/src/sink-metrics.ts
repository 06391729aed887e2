import { FAMILIES } from '@orderstream/contracts';
import type { TopicPartition } from '@orderstream/kafka';
import { METRIC, type Metrics, type RecordLog } from '@orderstream/observability';

import type { FailurePolicy } from './failure-policy';
import { DEAD_LETTERS, type SinkSource } from './sink-topics';
import type { PartitionSink } from './streams/partition-sink';
import type { SinkObserver } from './streams/sink-observer';

type ValueOf = (status: ReturnType<PartitionSink['describe']>) => number;
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
    deadLettersAppended: 0,
  };
  private readonly handles;

  constructor(
    metrics: Metrics,
    private readonly recordLog: RecordLog,
    partitions: Partitions,
  ) {
    this.handles = {
      records: metrics.counter(METRIC.records),
      rowsAppended: metrics.counter(METRIC.rowsAppended),
      batchRecords: metrics.histogram(METRIC.batchRecords),
      batchBytes: metrics.histogram(METRIC.batchBytes),
      appendSeconds: metrics.histogram(METRIC.appendSeconds),
      freshness: metrics.histogram(METRIC.freshness),
      deadLetters: metrics.counter(METRIC.deadLetters),
      parked: metrics.counter(METRIC.deadLettersParked),
      skipped: metrics.counter(METRIC.rowsSkippedOnRecovery),
      streams: metrics.counter(METRIC.streamsCreated),
      fallbacks: metrics.counter(METRIC.fallbacksTaken),
      failures: metrics.counter(METRIC.partitionFailures),
    };
    // An alert on an increase needs the series before the first one.
    for (const family of [...FAMILIES, DEAD_LETTERS]) {
      if (family !== DEAD_LETTERS) this.handles.records.inc({ family, outcome: 'dead_lettered' }, 0);
      for (const counter of [this.handles.streams, this.handles.fallbacks]) counter.inc({ family }, 0);
    }
    registerGauges(metrics, partitions);
  }

  failed(family: SinkSource['label'], reason: string): void {
    this.handles.failures.inc({ family, reason });
  }

  /**
   * Counts the work of a partition, and reports appends and new streams to its failure policy. The rows of dead letters are
   * counted apart: they are no outcome of a family's records.
   */
  observerFor(family: SinkSource['label'], policy: Pick<FailurePolicy, 'appended' | 'streamCreated'>): SinkObserver {
    const { totals, handles, recordLog } = this;
    const label = { family };
    const isEvents = family !== DEAD_LETTERS;
    const operation = { operation: 'append' };
    return {
      appending: (rows) => {
        handles.batchRecords.observe(operation, rows.rows);
        handles.batchBytes.observe(operation, rows.size);
      },
      appended: (sent, rows, seconds) => {
        if (isEvents) totals.rowsAppended += rows.rows;
        else totals.deadLettersAppended += rows.rows;
        if (isEvents) handles.records.inc({ family, outcome: 'appended' }, rows.rows);
        handles.rowsAppended.inc(label, rows.rows);
        handles.appendSeconds.observe(label, seconds);
        const [first] = sent;
        // One observation per append, for its oldest record: it waited longest.
        if (first !== undefined && isEvents) handles.freshness.observe(label, (Date.now() - first.timestamp) / 1_000);
        policy.appended();
      },
      rejected: (rejections) => {
        totals.deadLettered += rejections.length;
        handles.records.inc({ family, outcome: 'dead_lettered' }, rejections.length);
        for (const { record, reason, isParked } of rejections) {
          handles.deadLetters.inc({ family, reason: reason.code });
          if (isParked) handles.parked.inc({ family, reason: reason.code });
          const text = isParked ? 'dead-lettered and parked' : 'dead-lettered';
          recordLog.info(record, { reason: reason.code, path: reason.path }, text);
        }
      },
      skipped: (rows) => {
        totals.rowsSkippedOnRecovery += rows;
        handles.skipped.inc(label, rows);
      },
      streamCreated: () => {
        totals.streamsCreated++;
        handles.streams.inc(label);
        policy.streamCreated();
      },
      fallbackTaken: () => {
        totals.fallbacksTaken++;
        handles.fallbacks.inc(label);
      },
    };
  }
}

function registerGauges(metrics: Metrics, partitions: Partitions): void {
  const register = (
    metric: typeof METRIC.durableLagRecords | typeof METRIC.durableLagSeconds,
    valueOf: ValueOf,
  ): void => {
    metrics.gauge(metric, (gauge) => {
      gauge.reset();
      for (const [{ topic, partition }, sink] of partitions())
        gauge.set({ topic, partition }, valueOf(sink.describe()));
    });
  };
  register(METRIC.durableLagRecords, ({ pendingRecords }) => pendingRecords);
  register(METRIC.durableLagSeconds, ({ oldestPendingMs }) =>
    oldestPendingMs === null ? 0 : Math.max(0, Date.now() - oldestPendingMs) / 1_000,
  );
}

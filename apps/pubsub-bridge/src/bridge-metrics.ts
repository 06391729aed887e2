import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';
import { METRIC, type Metrics } from '@orderstream/observability';

import type { PartitionBridgeObserver } from './partitions/partition-bridge';
import type { PartitionBridges } from './partitions/partition-bridges';
import type { TopologyMonitor } from './topology/topology-monitor';

const FAMILY = 'orders';

/** The bridge's metrics. Gauges read the assigned partitions when they are scraped. */
export class BridgeMetrics implements PartitionBridgeObserver {
  publishedRecords = 0;
  deadLetteredRecords = 0;
  private readonly records;
  private readonly deadLetters;
  private readonly parked;
  private readonly batchRecords;
  private readonly batchBytes;
  private readonly publishSeconds;
  private readonly freshness;
  private readonly subscriptionGaps;

  constructor(
    metrics: Metrics,
    private readonly topic: string,
    private readonly partitions: PartitionBridges,
    private readonly monitor: Pick<TopologyMonitor, 'subscriptionState' | 'differences'>,
  ) {
    this.subscriptionGaps = metrics.counter(METRIC.subscriptionGaps);
    // An alert on an increase needs the series before the first one.
    this.subscriptionGaps.inc(0);
    this.records = metrics.counter(METRIC.records);
    this.records.inc({ family: FAMILY, outcome: 'dead_lettered' }, 0);
    this.deadLetters = metrics.counter(METRIC.deadLetters);
    this.parked = metrics.counter(METRIC.deadLettersParked);
    this.batchRecords = metrics.histogram(METRIC.batchRecords);
    this.batchBytes = metrics.histogram(METRIC.batchBytes);
    this.publishSeconds = metrics.histogram(METRIC.publishSeconds);
    this.freshness = metrics.histogram(METRIC.freshness);
    this.gauges(metrics);
  }

  published(records: readonly KafkaRecord[]): void {
    this.publishedRecords += records.length;
    this.records.inc({ family: FAMILY, outcome: 'published' }, records.length);
    const [first] = records;
    // Observed once per request: the records of a request are milliseconds apart.
    if (first !== undefined) this.freshness.observe({ family: FAMILY }, (Date.now() - first.timestamp) / 1_000);
  }

  /** @param isParked the record was rejected too often to be replayed again */
  deadLettered(reasons: readonly DeadLetterReason[], isParked: boolean): void {
    const labels = { family: FAMILY, reason: reasons[0]?.code ?? 'unknown' };
    this.deadLetteredRecords++;
    this.records.inc({ family: FAMILY, outcome: 'dead_lettered' });
    this.deadLetters.inc(labels);
    if (isParked) this.parked.inc(labels);
  }

  requested({ messages, bytes, seconds }: Parameters<PartitionBridgeObserver['requested']>[0]): void {
    this.batchRecords.observe({ operation: 'publish' }, messages);
    this.batchBytes.observe({ operation: 'publish' }, bytes);
    this.publishSeconds.observe({ topic: this.topic }, seconds);
  }

  gapReported(): void {
    this.subscriptionGaps.inc();
  }

  private gauges(metrics: Metrics): void {
    metrics.gauge(METRIC.publishUnacknowledged, (gauge) => {
      const counts = this.partitions.all().map(({ unacknowledged }) => unacknowledged);
      gauge.set(
        { topic: this.topic },
        counts.reduce((sum, count) => sum + count, 0),
      );
    });
    metrics.gauge(METRIC.publishOldestUnacknowledgedSeconds, (gauge) => {
      const now = performance.now();
      const taken = this.partitions.all().flatMap(({ oldestTakenMs }) => oldestTakenMs ?? []);
      gauge.set({ topic: this.topic }, taken.length === 0 ? 0 : (now - Math.min(...taken)) / 1_000);
    });
    metrics.gauge(METRIC.subscriptionState, (gauge) => {
      gauge.reset();
      gauge.set({ state: this.monitor.subscriptionState }, 1);
    });
    metrics.gauge(METRIC.subscriptionDifferences, (gauge) => {
      gauge.set(this.monitor.differences.length);
    });
    metrics.gauge(METRIC.durableLagRecords, (gauge) => {
      gauge.reset();
      for (const { partition, unacknowledged } of this.partitions.all()) {
        gauge.set({ topic: partition.topic, partition: partition.partition }, unacknowledged);
      }
    });
  }
}

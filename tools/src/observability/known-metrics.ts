import { METRIC, type MetricSpec } from '@orderstream/observability';

/** Labels that Prometheus adds to every series of a target, and `app`, which every metric of a service has. */
const TARGET_LABELS = ['job', 'instance', 'app'];

/** Metrics of others that dashboards and alerts use, with their labels. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  // Prometheus, about its targets and its alerts.
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
  // prom-client, "Default metrics".
  process_start_time_seconds: [],
  process_resident_memory_bytes: [],
  process_cpu_seconds_total: [],
  nodejs_eventloop_lag_p99_seconds: [],
  // Redpanda, "Public Metrics Reference".
  redpanda_storage_disk_free_bytes: [],
  redpanda_storage_disk_total_bytes: [],
  redpanda_cluster_unavailable_partitions: [],
  redpanda_kafka_request_bytes_total: ['redpanda_namespace', 'redpanda_topic', 'redpanda_request'],
};

/** The series that Prometheus has of a metric. */
function seriesOf({ name, type, labels }: MetricSpec): [string, readonly string[]][] {
  if (type !== 'histogram') return [[name, labels]];
  return [
    [`${name}_bucket`, [...labels, 'le']],
    [`${name}_sum`, labels],
    [`${name}_count`, labels],
  ];
}

/**
 * Every series that an expression may name, with its labels.
 *
 * @param rules text of the recording rules; the level of a rule's name, before the first colon, has its labels
 */
export function knownSeries(rules: string): ReadonlyMap<string, readonly string[]> {
  const known = new Map([...Object.values(METRIC).flatMap(seriesOf), ...Object.entries(FOREIGN)]);
  const all = new Map(Array.from(known, ([name, labels]) => [name, [...labels, ...TARGET_LABELS]]));
  for (const [, record = ''] of rules.matchAll(/^ *- record: *(\S+)$/gm)) {
    all.set(record, record.split(':')[0]?.split('_') ?? []);
  }
  return all;
}

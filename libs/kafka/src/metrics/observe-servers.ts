import { METRIC, type Metrics } from '@orderstream/observability';
import { type KafkaBatchServer } from '../server/kafka-batch-server';
import { type PartitionStatus } from '../server/server-options';

/** Registers the metrics of a service's consumers, read at each scrape: lag, open transactions, queues, partitions that do not move. Once per `metrics`. */
export function observeServers(metrics: Metrics, servers: () => Iterable<Pick<KafkaBatchServer, 'describe'>>): void {
  const partitions = (): PartitionStatus[] => Array.from(servers(), (server) => server.describe().partitions).flat();
  metrics.gauge(METRIC.consumerLagRecords, (gauge) => {
    gauge.reset();
    for (const { topic, partition, lag } of partitions()) {
      if (lag !== undefined) gauge.set({ topic, partition }, lag);
    }
  });
  metrics.gauge(METRIC.consumerLagSeconds, (gauge) => {
    gauge.reset();
    for (const { topic, partition, lagMs } of partitions()) {
      if (lagMs !== undefined) gauge.set({ topic, partition }, lagMs / 1_000);
    }
  });
  metrics.gauge(METRIC.openTransactionSeconds, (gauge) => {
    gauge.reset();
    for (const { topic, partition, openTransactionMs } of partitions()) {
      if (openTransactionMs !== undefined) gauge.set({ topic, partition }, openTransactionMs / 1_000);
    }
  });
  metrics.counter(METRIC.programmingErrors, (counter) => {
    counter.reset();
    for (const server of servers()) {
      for (const [topic, count] of Object.entries(server.describe().programmingErrors)) counter.inc({ topic }, count);
    }
  });
  metrics.gauge(METRIC.partitionsStopped, (gauge) => {
    gauge.reset();
    for (const { topic, state } of partitions()) gauge.inc({ topic }, state === 'stopped' ? 1 : 0);
  });
  metrics.gauge(METRIC.partitionsRetrying, (gauge) => {
    gauge.reset();
    for (const { topic, state } of partitions()) gauge.inc({ topic }, state === 'retrying' ? 1 : 0);
  });
  metrics.gauge(METRIC.queuedBytes, (gauge) => {
    gauge.reset();
    for (const { topic, partition, queuedBytes } of partitions()) gauge.set({ topic, partition }, queuedBytes);
  });
  metrics.counter(METRIC.rebalances, (counter) => {
    counter.reset();
    for (const server of servers()) {
      const { group, rebalances } = server.describe();
      counter.inc({ group }, rebalances);
    }
  });
}

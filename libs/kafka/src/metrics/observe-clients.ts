import { METRIC, type Metrics } from '@orderstream/observability';
import { clientTotals } from '../client/client-totals';

/** Registers the metrics of all Kafka clients of this process. Once per `metrics`. */
export function observeClients(metrics: Metrics): void {
  metrics.counter(METRIC.kafkaConnections, (counter) => {
    counter.reset();
    counter.inc(clientTotals.connections);
  });
  metrics.counter(METRIC.kafkaThrottled, (counter) => {
    counter.reset();
    counter.inc(clientTotals.throttledMs / 1_000);
  });
}

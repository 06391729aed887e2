import { METRIC, type Metrics } from '@orderstream/observability';
import { type TransactionFailedError } from '../errors';
import { type TopicPartition } from '../topic-partition';

/** Returns an `onFailure` of PartitionTransactions that counts failed transactions and fencings. */
export function observeTransactions(
  metrics: Metrics,
): (failure: TransactionFailedError, partition: TopicPartition) => void {
  const aborted = metrics.counter(METRIC.transactionsAborted);
  const fencings = metrics.counter(METRIC.fencings);
  return ({ fenced }, { topic }) => {
    aborted.inc({ topic });
    if (fenced) fencings.inc({ topic });
  };
}

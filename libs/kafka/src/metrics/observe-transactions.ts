import { METRIC, type Metrics } from '@orderstream/observability';
import { type TransactionFailedError } from '../errors';
import { type PartitionRef } from '../record';

/** Counts failed transactions and fencings: for `onFailure` of PartitionTransactions. */
export function observeTransactions(
  metrics: Metrics,
): (failure: TransactionFailedError, partition: PartitionRef) => void {
  const aborted = metrics.counter(METRIC.transactionsAborted);
  const fencings = metrics.counter(METRIC.fencings);
  return ({ fenced }, { topic }) => {
    aborted.inc({ topic });
    if (fenced) fencings.inc({ topic });
  };
}

import { METRIC, type Metrics } from '@orderstream/observability';
import { type RunObserver } from './runner';

/** Counts blocks and rows of the runs of this process. */
export function runMetrics(metrics: Metrics): Required<Pick<RunObserver, 'blockEnded'>> {
  const blocks = metrics.counter(METRIC.batchBlocks);
  const rows = metrics.counter(METRIC.batchRows);
  return {
    blockEnded: (_run, block, { state, output }) => {
      blocks.inc({ block, state });
      if (output === undefined) return;
      rows.inc({ block, outcome: 'out' }, output.rowsOut);
      for (const count of Object.values(output.rejected)) rows.inc({ block, outcome: 'rejected' }, count);
    },
  };
}

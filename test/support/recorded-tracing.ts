import {
  type BatchOperation,
  type BatchTrace,
  type RecordOutcome,
  type TracedRecord,
  type Tracing,
} from '@orderstream/observability';

/** The span of a batch, as its service has given it. */
export interface RecordedBatch {
  readonly operation: BatchOperation;
  readonly records: readonly TracedRecord[];
  /** `performance.now()`; undefined for the time at which it began. */
  readonly startedMs: number | undefined;
  readonly steps: string[];
  readonly outcomes: (RecordOutcome | undefined)[];
  ended: boolean;
  error?: unknown;
}

/** For unit tests: takes every record, and exports nothing. */
export class RecordedTracing implements Tracing {
  readonly enabled = true;
  readonly batches: RecordedBatch[] = [];

  constructor(readonly samples: (traceId: string) => boolean = () => true) {}

  begin<R extends TracedRecord>(
    operation: BatchOperation,
    records: readonly R[],
    startedMs?: number,
  ): BatchTrace<R> | undefined {
    const batch: RecordedBatch = { operation, records, startedMs, steps: [], outcomes: [], ended: false };
    this.batches.push(batch);
    return {
      step: (name) => batch.steps.push(name),
      settle: (outcomeOf) => batch.outcomes.push(...records.map(outcomeOf)),
      end: () => (batch.ended = true),
      fail: (error) => (batch.error = error),
    };
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

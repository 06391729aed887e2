import { type TraceHeaders } from '../traceparent';

/** What spans say of a record: where it is, and its trace. Never its key or its content, which are personal. */
export interface TracedRecord {
  readonly topic: string;
  readonly partition: number;
  /** Undefined for a record that is not in the log yet. */
  readonly offset?: number | undefined;
  readonly headers: TraceHeaders;
}

/** One operation on several records, by the OpenTelemetry semantic conventions for messaging spans. */
export interface BatchOperation {
  /** `messaging.operation.name`: `receive`, `append`, `publish`. */
  readonly name: string;
  /** `messaging.operation.type`. */
  readonly type: 'receive' | 'process' | 'send';
  readonly system: 'kafka' | 'gcp_pubsub';
  /** `messaging.destination.name`. The span is named `<name> <destination>`. */
  readonly destination: string;
  /** `messaging.consumer.group.name`. */
  readonly consumerGroup?: string;
  /** Whether the records are created here, or were read and are processed. */
  readonly records: 'create' | 'process';
  readonly attributes?: Readonly<Record<string, string | number>>;
}

/** What became of a record. */
export interface RecordOutcome {
  /** As in the label `outcome` of `orderstream_records_total`. */
  readonly outcome: string;
  /** Code of the first rule that rejected the record. */
  readonly reason?: string | undefined;
}

/** The span of a batch in which at least one record is sampled. It links to those records, at most `MAX_TRACED_RECORDS`. */
export interface BatchTrace<R extends TracedRecord> {
  /** Adds a child span for a step that began at `startedMs` (`performance.now()`) and ends now. */
  step(name: 'evaluate' | 'commit', startedMs: number): void;
  /** Adds the spans of the sampled records whose outcome is known now. Each record has one span, in its own trace. */
  settle(outcomeOf: (record: R) => RecordOutcome | undefined): void;
  /** Ends the span of the batch. */
  end(): void;
  /** Ends it, and adds the spans of the records without an outcome, with the code of the error. Its message may be personal. */
  fail(error: unknown): void;
}

/**
 * Traces of sampled records.
 *
 * Failure semantics: spans are a best effort. They wait in a bounded queue; what does not fit, and what cannot be exported
 * within its deadline, is dropped and counted. No call waits, and none throws. Killed, a service loses the spans of about
 * the last second.
 */
export interface Tracing {
  readonly enabled: boolean;
  /** Whether a trace that begins here is sampled. */
  samples(traceId: string): boolean;
  /**
   * Begins the span of a batch. Undefined if none of its records is sampled.
   * @param startedMs when it began (`performance.now()`); default: now
   */
  begin<R extends TracedRecord>(
    operation: BatchOperation,
    records: readonly R[],
    startedMs?: number,
  ): BatchTrace<R> | undefined;
  /** Exports what is queued. Resolves after a second at the latest. */
  shutdown(): Promise<void>;
}

/** Without an endpoint: traces nothing. */
export const NO_TRACING: Tracing = {
  enabled: false,
  samples: () => false,
  begin: () => undefined,
  shutdown: () => Promise.resolve(),
};

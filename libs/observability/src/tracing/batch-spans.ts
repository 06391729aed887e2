import { type Span, type SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { TraceContext } from '../traceparent';
import type { BatchOperation, BatchTrace, RecordOutcome, TracedRecord } from './tracing';

type Ids = Pick<TraceContext, 'traceId' | 'spanId'>;
type Attributes = Readonly<Record<string, string | number | undefined>>;

/** What a span is started from. */
export interface TracedSpan {
  readonly name: string;
  readonly kind: keyof typeof SpanKind;
  readonly attributes: Attributes;
  readonly links: readonly { readonly context: Ids; readonly attributes?: Attributes }[];
  readonly startTime: Date;
  /** Undefined for the first span of a trace. */
  readonly parent?: Ids;
  /** The ids of the span itself; undefined for random ones. */
  readonly identity?: Ids;
}

/** The sampled records of a batch. */
export interface SampledBatch<R extends TracedRecord> {
  readonly records: readonly { readonly record: R; readonly context: TraceContext }[];
  /** Number of all records of the batch. */
  readonly total: number;
  /** `performance.now()`. */
  readonly startedMs: number;
}

/**
 * The spans of a batch and of its sampled records. Names, kinds and attributes are those of "Semantic conventions for messaging
 * spans" and "Semantic conventions for Kafka" (OpenTelemetry). A record's span continues the trace of the record: its parent is
 * the span that the `traceparent` header names. For a record that is created here it is that span.
 */
export class BatchSpans<R extends TracedRecord> implements BatchTrace<R> {
  private readonly span: Span;
  private readonly startTime: Date;
  private open: readonly { readonly record: R; readonly context: TraceContext }[];

  constructor(
    private readonly operation: BatchOperation,
    { records, total, startedMs }: SampledBatch<R>,
    private readonly start: (span: TracedSpan) => Span,
  ) {
    const { name, destination, attributes } = operation;
    this.open = records;
    this.startTime = wallTime(startedMs);
    this.span = start({
      name: `${name} ${destination}`,
      kind: 'CLIENT',
      attributes: {
        ...this.messaging(name, operation.type),
        'messaging.batch.message_count': total,
        'messaging.destination.partition.id': commonPartition(records),
        ...attributes,
      },
      links: records.map(({ record, context }) => ({ context, attributes: coordinatesOf(record) })),
      startTime: this.startTime,
    });
  }

  step(name: 'evaluate' | 'commit', startedMs: number): void {
    const { destination } = this.operation;
    this.start({
      name: `${name} ${destination}`,
      kind: name === 'commit' ? 'CLIENT' : 'INTERNAL',
      attributes: this.messaging(name, name === 'commit' ? 'settle' : 'process'),
      links: [],
      startTime: wallTime(startedMs),
      parent: this.span.spanContext(),
    }).end();
  }

  settle(outcomeOf: (record: R) => RecordOutcome | undefined): void {
    this.open = this.open.filter(({ record, context }) => {
      const settled = outcomeOf(record);
      if (settled === undefined) return true;
      this.recordSpan(record, context, {
        'orderstream.outcome': settled.outcome,
        'orderstream.reason': settled.reason,
      }).end();
      return false;
    });
  }

  end(): void {
    this.span.end();
  }

  fail(error: unknown): void {
    const errorType = typeOf(error);
    for (const { record, context } of this.open) {
      const span = this.recordSpan(record, context, { 'error.type': errorType });
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    }
    this.open = [];
    this.span.setAttribute('error.type', errorType);
    this.span.setStatus({ code: SpanStatusCode.ERROR });
    this.span.end();
  }

  private recordSpan(record: R, context: TraceContext, attributes: Attributes): Span {
    const { records, consumerGroup } = this.operation;
    return this.start({
      name: `${records} ${record.topic}`,
      kind: records === 'create' ? 'PRODUCER' : 'CONSUMER',
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.name': records,
        'messaging.operation.type': records,
        'messaging.destination.name': record.topic,
        'messaging.consumer.group.name': consumerGroup,
        ...coordinatesOf(record),
        ...attributes,
      },
      links: [{ context: this.span.spanContext() }],
      startTime: this.startTime,
      ...(records === 'create' ? { identity: context } : { parent: context }),
    });
  }

  private messaging(name: string, type: string): Attributes {
    const { system, destination, consumerGroup } = this.operation;
    return {
      'messaging.system': system,
      'messaging.operation.name': name,
      'messaging.operation.type': type,
      'messaging.destination.name': destination,
      'messaging.consumer.group.name': consumerGroup,
    };
  }
}

const coordinatesOf = ({ partition, offset }: TracedRecord): Attributes => ({
  'messaging.destination.partition.id': String(partition),
  'messaging.kafka.offset': offset,
});

/** The partition of all the records; undefined if they are of several. */
function commonPartition(records: readonly { readonly record: TracedRecord }[]): string | undefined {
  const partitions = new Set(records.map(({ record }) => record.partition));
  const [partition] = partitions;
  return partitions.size === 1 && partition !== undefined ? String(partition) : undefined;
}

/** The monotonic clock drifts from the wall clock over days; a difference of seconds does not. */
const wallTime = (monotonicMs: number): Date => new Date(Date.now() - (performance.now() - monotonicMs));

/** The code or the class of an error. Its message may hold what is personal. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER';
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

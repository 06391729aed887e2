import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  type IdGenerator,
  RandomIdGenerator,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger';
import { METRIC } from '../metric-names';
import type { Metrics } from '../metrics';
import { type TraceContext, traceContextOf } from '../traceparent';
import { BatchSpans, type TracedSpan } from './batch-spans';
import { recordSampler, type SamplerSettings } from './record-sampler';
import { SpanExport } from './span-export';
import type { BatchOperation, BatchTrace, TracedRecord, Tracing } from './tracing';

/** Bounds the links of a batch's span, and the work for one batch. The SDK's own bound is 128 links. */
export const MAX_TRACED_RECORDS = 100;
/** One request to the endpoint, its retries included. */
const EXPORT_TIMEOUT_MS = 8_000;
/** Leaves the drain its time: a stop has 10 s from SIGTERM to exit, and the drain takes up to 8 of them. */
const SHUTDOWN_MS = 1_000;

export interface OtlpTracingOptions {
  /** Base URL of OTLP over HTTP. */
  readonly endpoint: string;
  readonly serviceName: string;
  readonly sampler: SamplerSettings;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
  /** Default: OTLP over HTTP to the endpoint. */
  readonly exporter?: SpanExporter;
}

/**
 * Tracing with the OpenTelemetry SDK. The provider is not registered globally: no library makes spans of its own.
 *
 * A record is sampled by its `traceparent`; one without a valid header has no trace. A batch's span is recorded if one of its
 * records is sampled, in a trace of its own that links to theirs. So the SDK samples every span that is begun.
 */
export class OtlpTracing implements Tracing {
  readonly enabled = true;
  readonly samples: (traceId: string) => boolean;
  private readonly isSampled: (context: TraceContext) => boolean;
  private readonly ids = new ContextIds();
  private readonly provider: TracerProvider;
  private readonly tracer: Tracer;

  constructor({ endpoint, serviceName, sampler, logger, metrics, exporter }: OtlpTracingOptions) {
    const { ofNewTrace, ofRecord } = recordSampler(sampler);
    this.samples = ofNewTrace;
    this.isSampled = ofRecord;
    this.provider = new TracerProvider({
      resource: resourceFromAttributes({
        'service.name': serviceName,
        'service.namespace': 'orderstream',
        'service.instance.id': randomUUID(),
      }),
      sampler: new AlwaysOnSampler(),
      idGenerator: this.ids,
      spanProcessors: [
        new SpanExport({
          exporter:
            exporter ??
            new OTLPTraceExporter({
              url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
              timeoutMillis: EXPORT_TIMEOUT_MS,
            }),
          endpoint,
          logger,
          spans: metrics.counter(METRIC.traceSpans),
        }),
      ],
    });
    this.tracer = this.provider.getTracer('orderstream');
  }

  begin<R extends TracedRecord>(
    operation: BatchOperation,
    records: readonly R[],
    startedMs = performance.now(),
  ): BatchTrace<R> | undefined {
    const sampled: { readonly record: R; readonly context: TraceContext }[] = [];
    for (const record of records) {
      const context = traceContextOf(record.headers);
      if (context === undefined || !this.isSampled(context)) continue;
      sampled.push({ record, context });
      if (sampled.length === MAX_TRACED_RECORDS) break;
    }
    return sampled.length === 0
      ? undefined
      : new BatchSpans(operation, { records: sampled, total: records.length, startedMs }, (span) => this.start(span));
  }

  async shutdown(): Promise<void> {
    const abort = new AbortController();
    await Promise.race([
      this.provider.shutdown().catch(() => undefined),
      delay(SHUTDOWN_MS, undefined, { signal: abort.signal }).catch(() => undefined),
    ]);
    abort.abort();
  }

  private start({ name, kind, attributes, links, startTime, parent, identity }: TracedSpan): Span {
    const options = { kind: SpanKind[kind], attributes, links: links.map(linkOf), startTime };
    if (identity !== undefined) {
      return this.ids.with(identity, () => this.tracer.startSpan(name, { ...options, root: true }, ROOT_CONTEXT));
    }
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote(parent));
    return this.tracer.startSpan(name, options, context);
  }
}

const remote = ({ traceId, spanId }: Pick<TraceContext, 'traceId' | 'spanId'>): SpanContext => ({
  traceId,
  spanId,
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});

const linkOf = ({ context, attributes }: TracedSpan['links'][number]) => ({ context: remote(context), attributes });

/** Random ids, except for a span whose id its record already carries in `traceparent`. */
class ContextIds implements IdGenerator {
  private readonly random = new RandomIdGenerator();
  private given: Pick<TraceContext, 'traceId' | 'spanId'> | undefined;

  with<T>(context: Pick<TraceContext, 'traceId' | 'spanId'>, start: () => T): T {
    this.given = context;
    try {
      return start();
    } finally {
      this.given = undefined;
    }
  }

  generateTraceId(): string {
    return this.given?.traceId ?? this.random.generateTraceId();
  }

  generateSpanId(): string {
    return this.given?.spanId ?? this.random.generateSpanId();
  }
}

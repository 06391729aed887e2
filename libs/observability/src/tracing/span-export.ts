import { ExportResultCode } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { Context } from '@opentelemetry/api';
import type { Counter } from 'prom-client';
import type { Logger } from '../logger';

const MAX_QUEUED_SPANS = 4_096;
const MAX_EXPORTED_SPANS = 512;
const EXPORT_INTERVAL_MS = 1_000;
/** An export that has no result then has failed. */
const EXPORT_DEADLINE_MS = 10_000;

export interface SpanExportOptions {
  readonly exporter: SpanExporter;
  /** For the message. */
  readonly endpoint: string;
  readonly logger: Pick<Logger, 'warn'>;
  readonly spans: Counter<'outcome'>;
}

/**
 * Exports spans in batches. At most `MAX_QUEUED_SPANS` wait for their export or its result; further ones are dropped. A failed
 * export is not repeated: the exporter has already retried what can pass.
 */
export class SpanExport implements SpanProcessor {
  private readonly batches: BatchSpanProcessor;
  private pending = 0;
  private hasWarned = false;

  constructor(private readonly options: SpanExportOptions) {
    const { exporter } = options;
    this.batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.export(spans, () => {
            done({ code: ExportResultCode.SUCCESS });
          });
        },
        shutdown: () => exporter.shutdown(),
      },
      maxQueueSize: MAX_QUEUED_SPANS,
      maxExportBatchSize: MAX_EXPORTED_SPANS,
      scheduledDelayMillis: EXPORT_INTERVAL_MS,
      // The deadline here comes first.
      exportTimeoutMillis: 2 * EXPORT_DEADLINE_MS,
    });
  }

  onStart(span: Span, context: Context): void {
    this.batches.onStart(span, context);
  }

  onEnd(span: ReadableSpan): void {
    if (this.pending >= MAX_QUEUED_SPANS) {
      this.options.spans.inc({ outcome: 'dropped' });
      return;
    }
    this.pending++;
    this.batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.batches.shutdown();
  }

  /** @param done called once, whatever the result */
  private export(spans: ReadableSpan[], done: () => void): void {
    let isSettled = false;
    const settle = (failure: { readonly cause: unknown } | undefined): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(deadline);
      this.pending -= spans.length;
      this.options.spans.inc({ outcome: failure === undefined ? 'exported' : 'failed' }, spans.length);
      if (failure !== undefined) this.warnOnce(failure.cause);
      done();
    };
    const deadline = setTimeout(() => {
      settle({ cause: new Error(`no answer within ${String(EXPORT_DEADLINE_MS)} ms`) });
    }, EXPORT_DEADLINE_MS);
    deadline.unref();
    try {
      this.options.exporter.export(spans, ({ code, error }) => {
        settle(code === ExportResultCode.SUCCESS ? undefined : { cause: error });
      });
    } catch (cause) {
      settle({ cause });
    }
  }

  private warnOnce(cause: unknown): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const { logger, endpoint } = this.options;
    logger.warn(
      { endpoint, err: cause },
      'spans could not be exported; records are not affected. Check OTEL_EXPORTER_OTLP_ENDPOINT: it takes OTLP over HTTP, ' +
        'usually at port 4318. Further failures are counted in orderstream_trace_spans_total{outcome="failed"}',
    );
  }
}

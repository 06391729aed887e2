import { NO_TRACING, type Tracing } from './tracing';
import type { OtlpTracingOptions } from './otlp-tracing';

/** Starts tracing if there is an endpoint. Without one, nothing of OpenTelemetry is loaded. */
export async function startTracing({
  endpoint,
  ...options
}: Omit<OtlpTracingOptions, 'endpoint'> & { readonly endpoint: string | undefined }): Promise<Tracing> {
  if (endpoint === undefined) return NO_TRACING;
  const { OtlpTracing } = await import('./otlp-tracing.js');
  return new OtlpTracing({ endpoint, ...options });
}

import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { TraceContext } from '../traceparent';

/** The samplers of the OpenTelemetry specification, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name them. */
export interface SamplerSettings {
  readonly name:
    | 'parentbased_traceidratio'
    | 'parentbased_always_on'
    | 'parentbased_always_off'
    | 'traceidratio'
    | 'always_on'
    | 'always_off';
  /** Share of the traces, 0 to 1. */
  readonly ratio: number;
}

export interface RecordSampler {
  /** Of a trace that begins here. */
  readonly ofNewTrace: (traceId: string) => boolean;
  /** Of a record that continues a trace. */
  readonly ofRecord: (context: TraceContext) => boolean;
}

export function recordSampler({ name, ratio }: SamplerSettings): RecordSampler {
  const ofNewTrace = newTraceSampler(name, ratio);
  return {
    ofNewTrace,
    ofRecord: name.startsWith('parentbased_') ? ({ sampled }) => sampled : ({ traceId }) => ofNewTrace(traceId),
  };
}

function newTraceSampler(name: SamplerSettings['name'], ratio: number): (traceId: string) => boolean {
  switch (name) {
    case 'always_on':
    case 'parentbased_always_on':
      return () => true;
    case 'always_off':
    case 'parentbased_always_off':
      return () => false;
    case 'traceidratio':
    case 'parentbased_traceidratio': {
      // The SDK's algorithm, so that producers that use it decide alike.
      const sampler = new TraceIdRatioBasedSampler(ratio);
      return (traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
    }
  }
}

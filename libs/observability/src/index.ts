export { createLogger, type Logger, type LoggerOptions } from './logger';
export { METRIC, type MetricSpec } from './metric-names';
export { Metrics } from './metrics';
export { Health, type Check, type HealthReport } from './health';
export { newTraceparent, type TraceContext, traceContextOf, traceIdOf, traceparentOf } from './traceparent';
export {
  type BatchOperation,
  type BatchTrace,
  NO_TRACING,
  type RecordOutcome,
  type TracedRecord,
  type Tracing,
} from './tracing/tracing';
export { startTracing } from './tracing/start-tracing';
export { RecordLog } from './record-log';

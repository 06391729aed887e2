export { createLogger, type Logger, type LoggerOptions } from './logger';
export { METRIC, type MetricSpec } from './metric-names';
export { Metrics } from './metrics';
export { Health, type Check, type HealthReport } from './health';
export { newTraceparent, traceIdOf } from './traceparent';
export { RecordLog } from './record-log';

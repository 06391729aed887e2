/** Injection tokens that `ServiceModule` provides in every service. */

/** The service's `Logger`. */
export const LOGGER = Symbol('LOGGER');
/** The service's `Metrics`. */
export const METRICS = Symbol('METRICS');
/** The service's `Health`, in which checks are registered. */
export const HEALTH = Symbol('HEALTH');
/** The service's `Tracing`. Traces nothing without OTEL_EXPORTER_OTLP_ENDPOINT. */
export const TRACING = Symbol('TRACING');
/** The service's settings, as `loadSettings` returns them. */
export const SETTINGS = Symbol('SETTINGS');
/** The service's own `ServiceControl`, provided by its module. */
export const SERVICE_CONTROL = Symbol('SERVICE_CONTROL');
/** The service's name. */
export const SERVICE_NAME = Symbol('SERVICE_NAME');
/** The service's `Lifecycle`. */
export const LIFECYCLE = Symbol('LIFECYCLE');

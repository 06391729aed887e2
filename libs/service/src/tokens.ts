/** Injection tokens of what every service has. Provided globally by `AdminModule`. */

/** The service's `Logger`. */
export const LOGGER = Symbol('LOGGER');
/** The service's `Metrics`. */
export const METRICS = Symbol('METRICS');
/** The service's `Health`: where its parts register their checks. */
export const HEALTH = Symbol('HEALTH');
/** The settings, as `loadSettings` made them of the service's spec. */
export const SETTINGS = Symbol('SETTINGS');
/** The service's own `ServiceControl`, provided by its module. */
export const SERVICE_CONTROL = Symbol('SERVICE_CONTROL');
/** Where changes are recorded: an `AuditLog`. */
export const AUDIT_LOG = Symbol('AUDIT_LOG');

export { runService } from './run-service';
export { type ServiceDefinition } from './service';
export { type ServiceControl } from './service-control';
export { Roles } from './roles.guard';
export { HEALTH, LOGGER, METRICS, SERVICE_CONTROL, SETTINGS } from './tokens';

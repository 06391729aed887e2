export { runService } from './run-service';
export { type ServiceDefinition } from './service';
export { type ServiceControl } from './service-control';
export { AdminGuard, Roles } from './admin.guard';
export { CurrentActor, type Actor } from './actor';
export { AdminModule, type ServiceParts } from './admin.module';
export { AUDIT_LOG, HEALTH, LOGGER, METRICS, SERVICE_CONTROL, SETTINGS } from './tokens';

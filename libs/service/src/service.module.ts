import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { type ServiceSettings } from '@orderstream/config';
import { type Health, type Logger, type Metrics, type Tracing } from '@orderstream/observability';
import { adminController, type AdminEndpoints } from './admin.controller';
import { RolesGuard } from './roles.guard';
import { AuditInterceptor, LoggedAudit } from './audit';
import { Authentication } from './authentication';
import { CommandGate, type Lifecycle } from './command-gate';
import { ErrorFilter } from './error.filter';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { OpenApi } from './open-api';
import { AUDIT_LOG, HEALTH, LIFECYCLE, LOGGER, METRICS, SETTINGS, TRACING } from './tokens';

/** What every service has, for injection: settings, log, metrics, traces, health. */
export interface ServiceDependencies {
  readonly settings: { readonly service: ServiceSettings };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly health: Health;
  readonly lifecycle: Lifecycle;
  readonly admin?: AdminEndpoints | undefined;
}

/** Health, metrics and `/admin` of a service. Global: its providers can be injected everywhere. */
@Module({})
export class ServiceModule {
  static forService({
    settings,
    logger,
    metrics,
    tracing,
    health,
    lifecycle,
    admin,
  }: ServiceDependencies): DynamicModule {
    return {
      module: ServiceModule,
      global: true,
      controllers: [HealthController, MetricsController, adminController(admin)],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: LOGGER, useValue: logger },
        { provide: METRICS, useValue: metrics },
        { provide: TRACING, useValue: tracing },
        { provide: HEALTH, useValue: health },
        { provide: LIFECYCLE, useValue: lifecycle },
        { provide: AUDIT_LOG, useClass: LoggedAudit },
        { provide: APP_GUARD, useClass: RolesGuard },
        // The audit surrounds the gate: it also records commands that the gate rejects.
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
        { provide: APP_INTERCEPTOR, useClass: CommandGate },
        { provide: APP_FILTER, useClass: ErrorFilter },
        Authentication,
        OpenApi,
      ],
      exports: [SETTINGS, LOGGER, METRICS, TRACING, HEALTH, AUDIT_LOG],
    };
  }
}

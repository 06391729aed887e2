import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { type ServiceSettings } from '@orderstream/config';
import { type Health, type Logger, type Metrics, type Tracing } from '@orderstream/observability';
import { adminController, type AdminEndpoints } from './admin.controller';
import { RolesGuard } from './roles.guard';
import { AuditBefore, AuditInterceptor } from './audit/audit.interceptor';
import { AuditTrail } from './audit/audit-trail';
import { Authentication } from './authentication';
import { BodyTypeGate } from './body-type';
import { CommandGate, type Lifecycle } from './command-gate';
import { ErrorFilter } from './error.filter';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { OpenApi } from './open-api';
import { Pauses } from './pause/pauses';
import { RuntimeSettings } from './settings/runtime-settings';
import { HEALTH, LIFECYCLE, LOGGER, METRICS, SERVICE_NAME, SETTINGS, TRACING } from './tokens';

/** What every service has, for injection: settings, log, metrics, traces, health. */
export interface ServiceDependencies {
  readonly name: string;
  readonly settings: { readonly service: ServiceSettings };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly health: Health;
  readonly lifecycle: Lifecycle;
  readonly audit: AuditTrail;
  readonly runtime: RuntimeSettings;
  readonly pauses: Pauses;
  readonly admin?: AdminEndpoints | undefined;
}

/** Health, metrics and `/admin` of a service. Global: its providers can be injected everywhere. */
@Module({})
export class ServiceModule {
  static forService({
    name,
    settings,
    logger,
    metrics,
    tracing,
    health,
    lifecycle,
    audit,
    runtime,
    pauses,
    admin,
  }: ServiceDependencies): DynamicModule {
    return {
      module: ServiceModule,
      global: true,
      controllers: [HealthController, MetricsController, adminController(admin)],
      providers: [
        { provide: SERVICE_NAME, useValue: name },
        { provide: SETTINGS, useValue: settings },
        { provide: LOGGER, useValue: logger },
        { provide: METRICS, useValue: metrics },
        { provide: TRACING, useValue: tracing },
        { provide: HEALTH, useValue: health },
        { provide: LIFECYCLE, useValue: lifecycle },
        { provide: AuditTrail, useValue: audit },
        { provide: RuntimeSettings, useValue: runtime },
        { provide: Pauses, useValue: pauses },
        { provide: APP_GUARD, useClass: RolesGuard },
        // The audit surrounds the gates: it also records commands that they reject.
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
        { provide: APP_INTERCEPTOR, useClass: CommandGate },
        { provide: APP_INTERCEPTOR, useClass: BodyTypeGate },
        { provide: APP_INTERCEPTOR, useClass: AuditBefore },
        { provide: APP_FILTER, useClass: ErrorFilter },
        Authentication,
        OpenApi,
      ],
      exports: [SERVICE_NAME, SETTINGS, LOGGER, METRICS, TRACING, HEALTH, AuditTrail, RuntimeSettings, Pauses],
    };
  }
}

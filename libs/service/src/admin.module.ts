import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { type ServiceSettings } from '@orderstream/config';
import { type Health, type Logger, type Metrics } from '@orderstream/observability';
import { AdminController } from './admin.controller';
import { AdminGuard } from './admin.guard';
import { AuditInterceptor, LoggedAudit } from './audit';
import { Authentication } from './authentication';
import { ErrorFilter } from './error.filter';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { OpenApi } from './open-api';
import { AUDIT_LOG, HEALTH, LOGGER, METRICS, SETTINGS } from './tokens';

/** What a service is made of before it does anything of its own. */
export interface ServiceParts {
  readonly settings: { readonly service: ServiceSettings };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Health, metrics and `/admin` of a service, and its parts for injection everywhere. */
@Module({})
export class AdminModule {
  static forService({ settings, logger, metrics, health }: ServiceParts): DynamicModule {
    return {
      module: AdminModule,
      global: true,
      controllers: [HealthController, MetricsController, AdminController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: LOGGER, useValue: logger },
        { provide: METRICS, useValue: metrics },
        { provide: HEALTH, useValue: health },
        { provide: AUDIT_LOG, useClass: LoggedAudit },
        { provide: APP_GUARD, useClass: AdminGuard },
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
        { provide: APP_FILTER, useClass: ErrorFilter },
        Authentication,
        OpenApi,
      ],
      exports: [SETTINGS, LOGGER, METRICS, HEALTH, AUDIT_LOG],
    };
  }
}

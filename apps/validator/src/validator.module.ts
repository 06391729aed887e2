import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { HEALTH, LOGGER, METRICS, SERVICE_CONTROL } from '@orderstream/service';
import type { Health, Logger, Metrics } from '@orderstream/observability';
import type { FaultPoints } from './partitions/fault-points';
import type { ValidatorSettings } from './validator.config';
import { ValidatorController } from './validator.controller';
import { ValidatorControl } from './validator-control';
import { Validators } from './validators';

@Module({})
export class ValidatorModule implements OnApplicationShutdown {
  constructor(@Inject(Validators) private readonly validators: Validators) {}

  static with(settings: ValidatorSettings, faults?: FaultPoints): DynamicModule {
    return {
      module: ValidatorModule,
      controllers: [ValidatorController],
      providers: [
        {
          provide: Validators,
          inject: [LOGGER, METRICS, HEALTH],
          useFactory: (logger: Logger, metrics: Metrics, health: Health) =>
            new Validators({ settings, logger, metrics, health, ...(faults === undefined ? {} : { faults }) }),
        },
        { provide: SERVICE_CONTROL, useClass: ValidatorControl },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.validators.stop();
  }
}

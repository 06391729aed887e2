import { type DynamicModule, Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';
import { FAULT_POINTS, type FaultPoints, NO_FAULTS } from './partitions/fault-points';
import { ForgetCustomerController } from './control/forget-customer.controller';
import { RulesController } from './control/rules.controller';
import { RunTimeRules } from './rules/run-time-rules';
import { ValidatorController } from './validator.controller';
import { ValidatorService } from './validator.service';

@Module({
  controllers: [ValidatorController, RulesController, ForgetCustomerController],
  providers: [ValidatorService, RunTimeRules, { provide: SERVICE_CONTROL, useExisting: ValidatorService }],
})
export class ValidatorModule {
  static with(faults: FaultPoints = NO_FAULTS): DynamicModule {
    return { module: ValidatorModule, providers: [{ provide: FAULT_POINTS, useValue: faults }] };
  }
}

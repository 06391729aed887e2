import { KafkaOperatorLog, type ServiceDefinition } from '@orderstream/service';
import { ResumeDto } from './control/resume.dto';
import { ValidatorStatusDto } from './control/status.dto';
import type { FaultPoints } from './partitions/fault-points';
import { type ValidatorSettings, validatorSettings } from './validator.config';
import { ValidatorModule } from './validator.module';
import { ValidatorService } from './validator.service';

/** What `runService` runs as the validator. @param faults injected by tests */
export const validatorDefinition = (faults?: FaultPoints): ServiceDefinition<ValidatorSettings> => ({
  name: 'validator',
  settings: validatorSettings,
  operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
  module: () => ValidatorModule.with(faults),
  admin: { status: ValidatorStatusDto, resume: ResumeDto },
  dependencies: (app) => app.get(ValidatorService).dependencies(),
  prepare: (app) => app.get(ValidatorService).ensureTopics(),
  servers: (app) => app.get(ValidatorService).servers(),
});

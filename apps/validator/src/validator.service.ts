import type { ServiceDefinition } from '@orderstream/service';
import type { FaultPoints } from './partitions/fault-points';
import { type ValidatorSettings, validatorSettings } from './validator.config';
import { ValidatorModule } from './validator.module';
import { Validators } from './validators';

/** The validator as a service. */
export const validatorService = (faults?: FaultPoints): ServiceDefinition<ValidatorSettings> => ({
  name: 'validator',
  settings: validatorSettings,
  module: (settings) => ValidatorModule.with(settings, faults),
  prepare: async (app) => {
    await app.get(Validators).ensureTopics();
  },
  servers: (app) => app.get(Validators).families.map(({ server }) => server),
});

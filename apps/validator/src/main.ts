import { runService } from '@orderstream/admin';
import { validatorSettings } from './validator.config';
import { ValidatorModule } from './validator.module';
import { Validators } from './validators';

void runService({
  name: 'validator',
  settings: validatorSettings,
  module: (settings) => ValidatorModule.with(settings),
  prepare: async (app) => {
    await app.get(Validators).ensureTopics();
  },
  servers: (app) => app.get(Validators).families.map(({ server }) => server),
});

import { runService } from '@orderstream/service';

import { validatorDefinition } from '../../../../apps/validator/src/validator.definition';
import { StepFault } from './step-fault';

/** The validator, with a fault at one of its steps. */
const fault = StepFault.fromEnvironment(process.env);

void runService(
  validatorDefinition({
    reached: (point) => {
      fault.reach(point);
    },
  }),
);

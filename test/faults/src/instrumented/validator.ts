import { runService } from '@orderstream/service';

import { validatorService } from '../../../../apps/validator/src/validator.service';
import { StepFault } from './step-fault';

/** The validator, which dies where it is told to. */
const fault = StepFault.fromEnvironment(process.env);

void runService(
  validatorService({
    reached: (point) => {
      fault.reach(point);
    },
  }),
);

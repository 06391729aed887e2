import { CLOCK_FAULTS } from './clocks';
import { DEPLOYMENT_FAULTS } from './deployments';
import { type Fault } from './fault';
import { POISON_FAULTS } from './poison';
import { PROCESS_FAULTS } from './processes';
import { READINESS_FAULTS } from './readiness';
import { STEP_FAULTS } from './steps';
import { WIRE_FAULTS } from './wires';

/** Everything that goes wrong. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...DEPLOYMENT_FAULTS,
  ...READINESS_FAULTS,
  ...CLOCK_FAULTS,
  ...POISON_FAULTS,
  ...WIRE_FAULTS,
  ...STEP_FAULTS,
];

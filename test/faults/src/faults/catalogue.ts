import { type Fault } from './fault';
import { PROCESS_FAULTS } from './processes';
import { STEP_FAULTS } from './steps';
import { WIRE_FAULTS } from './wires';

/** Everything that goes wrong. */
export const FAULTS: readonly Fault[] = [...PROCESS_FAULTS, ...WIRE_FAULTS, ...STEP_FAULTS];

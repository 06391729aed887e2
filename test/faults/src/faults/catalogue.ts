import { type Fault } from './fault';
import { PROCESS_FAULTS } from './processes';
import { WIRE_FAULTS } from './wires';

/** Everything that goes wrong. */
export const FAULTS: readonly Fault[] = [...PROCESS_FAULTS, ...WIRE_FAULTS];

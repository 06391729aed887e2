import type { RuleCode } from './rules';

/** Header that identifies a generated record: `<segment>:<number of its event>.<copy>`. Only generated records have it. */
export const SIMULATION_ID_HEADER = 'simulation-id';

/** The verdict that the pipeline must give a record. */
export type ExpectedOutcome = 'accept' | 'repair' | 'skip' | `reject:${RuleCode}`;

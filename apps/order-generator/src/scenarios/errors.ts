import { OrderstreamError } from '@orderstream/errors';

/** No folder has a scenario of this name. Nothing was changed. */
export class UnknownScenarioError extends OrderstreamError {
  readonly code = 'SCENARIO_UNKNOWN';

  constructor(name: string, known: readonly string[], folders: readonly string[]) {
    super(
      `There is no scenario ${name} in ${folders.join(' or ')}. Known are ${known.join(', ')}. GENERATOR_SCENARIO_DIR names a folder with further ones.`,
    );
  }
}

/** A scenario that does not meet its schema. Nothing was changed. */
export class InvalidScenarioError extends OrderstreamError {
  readonly code = 'SCENARIO_INVALID';

  constructor(
    file: string,
    /** `file:line: path: message` */
    readonly problems: readonly string[],
  ) {
    super(`${file} is not a scenario (docs/scenarios.md describes them): ${problems.join('; ')}`);
  }
}

import { OrderstreamError } from '@orderstream/errors';

/** The environment does not make a valid configuration. Lists every problem by variable, never a value. */
export class ConfigError extends OrderstreamError {
  readonly code = 'CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

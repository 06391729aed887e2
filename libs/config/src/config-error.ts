import { OrderstreamError } from '@orderstream/errors';

/** The environment is not a valid configuration. The message lists every invalid variable, and never a value. */
export class ConfigError extends OrderstreamError {
  readonly code = 'CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(`The configuration is invalid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

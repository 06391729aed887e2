import { type ErrorCode, OrderstreamError } from '@orderstream/errors';

/** A state record is damaged or was written by a newer version. */
export class StateUnreadableError extends OrderstreamError {
  readonly code = 'STATE_UNREADABLE' satisfies ErrorCode;
  constructor(key: string, cause: unknown) {
    super(
      `state record ${key} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        'It was written by a newer version or is damaged: deploy that version, or rebuild the state of this partition.',
      { cause },
    );
  }
}

/** The settings name an unknown rule, or an action that a rule does not allow. */
export class RuleActionError extends OrderstreamError {
  readonly code = 'CONFIG_INVALID' satisfies ErrorCode;
  constructor(problems: readonly string[]) {
    super(`rule actions: ${problems.join('; ')}`);
  }
}

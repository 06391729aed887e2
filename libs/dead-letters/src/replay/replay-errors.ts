import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { commandsOf, type PlanAction, type PlanState } from './plan';

/** There is no plan of this id. */
export class ReplayUnknownError extends OrderstreamError {
  readonly code = 'REPLAY_UNKNOWN' satisfies ErrorCode;

  constructor(id: string) {
    super(`There is no replay plan ${JSON.stringify(id)}. GET /admin/replays lists the plans.`);
  }
}

/** The request of a plan is invalid: each of `problems` says what, and what is expected. */
export class ReplayInvalidError extends OrderstreamError {
  readonly code = 'REPLAY_INVALID' satisfies ErrorCode;

  constructor(readonly problems: readonly string[]) {
    super(`The replay plan is invalid: ${problems.join('; ')}.`);
  }
}

/** The state of the plan does not allow the command. */
export class ReplayStateError extends OrderstreamError {
  readonly code = 'REPLAY_STATE' satisfies ErrorCode;

  constructor(
    id: string,
    readonly state: PlanState,
    action: PlanAction,
  ) {
    const commands = commandsOf(state);
    const possible = commands.length === 0 ? 'Nothing changes it any more.' : `It takes ${commands.join(' and ')}.`;
    super(`The replay plan ${id} is ${state}: it does not take ${action}. ${possible}`);
  }
}

/** The plan has changed since the caller read it. */
export class ReplayChangedError extends OrderstreamError {
  readonly code = 'REPLAY_CHANGED' satisfies ErrorCode;

  constructor(
    id: string,
    readonly revision: number,
    expected: number | undefined,
  ) {
    super(
      `The replay plan ${id} has revision ${String(revision)}` +
        (expected === undefined ? ' by a change of another operator' : `, not ${String(expected)}`) +
        `: read it again with GET /admin/replays/${id}, and repeat the command if it is still wanted.`,
    );
  }
}

/** The idempotency key was used for another request. */
export class ReplayKeyReusedError extends OrderstreamError {
  readonly code = 'REPLAY_KEY_REUSED' satisfies ErrorCode;

  constructor(id: string) {
    super(`The idempotency key created the replay plan ${id}, which has another request: use a new key.`);
  }
}

/** The plan chooses more letters than a plan may have. */
export class ReplayTooLargeError extends OrderstreamError {
  readonly code = 'REPLAY_TOO_LARGE' satisfies ErrorCode;

  constructor(topic: string, max: number) {
    super(
      `The plan chooses more than ${String(max)} letters of ${topic}: create plans with narrower filters, for example one ` +
        'for each source partition or period.',
    );
  }
}

/** A topic that the plan reads or returns to does not exist. */
export class ReplayTopicMissingError extends OrderstreamError {
  readonly code = 'REPLAY_TOPIC_MISSING' satisfies ErrorCode;

  constructor(topic: string) {
    super(`The topic ${topic} does not exist: start the service that creates it, then repeat.`);
  }
}

/** The record of the plans cannot be read or written now. */
export class ReplayUnavailableError extends OrderstreamError {
  readonly code = 'REPLAY_UNAVAILABLE' satisfies ErrorCode;

  constructor(why: string, cause?: unknown) {
    super(`Replay plans are not available: ${why}`, { retriable: true, cause });
  }
}

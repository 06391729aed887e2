import { type Problem } from './api/problem';
import { EXIT_CODES } from './exit-codes';

/** An error that ends the command with a message and an exit code. */
export class CtlError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The command line, a file that it names or a setting is wrong. Nothing was sent. */
export class UsageError extends CtlError {
  constructor(message: string) {
    super(message, EXIT_CODES.usage.code);
  }
}

/** There is no stack, or nothing answers at its address. */
export class UnreachableError extends CtlError {
  constructor(message: string, cause?: unknown) {
    super(message, EXIT_CODES.unreachable.code, { cause });
  }
}

/** Something took longer than the command waits for it. */
export class TimedOutError extends CtlError {
  constructor(message: string) {
    super(message, EXIT_CODES.deadline.code);
  }
}

/** Ctrl-C or SIGTERM. */
export class InterruptedError extends CtlError {
  constructor(exitCode: number) {
    super('Interrupted.', exitCode);
  }
}

/** What was asked for was not reached, for a reason that is not an error of the server. */
export class NotDoneError extends CtlError {
  constructor(message: string) {
    super(message, EXIT_CODES.rejected.code);
  }
}

/** Whether the server may have carried out a request that failed with this. */
export function mayHaveSucceeded(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.status >= 500;
  return error instanceof CtlError && !(error instanceof UsageError);
}

/** The server answered with an error. */
export class ProblemError extends CtlError {
  constructor(
    readonly problem: Problem,
    message: string,
  ) {
    super(message, EXIT_CODES.rejected.code);
  }
}

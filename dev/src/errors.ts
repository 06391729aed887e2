import { OrderstreamError } from '@orderstream/errors';

/** Exit codes of the commands of the local stack. */
export const EXIT = {
  /** Stopped on request, or every event is accounted for. */
  ok: 0,
  /** Some events are not accounted for, or any other failure. */
  notAccountedFor: 1,
  /** Wrong usage or configuration. */
  usage: 2,
  prerequisiteMissing: 3,
  /** No progress for 60 s. */
  noProgress: 4,
  /** SIGINT. */
  interrupted: 130,
  /** SIGTERM or SIGHUP. */
  terminated: 143,
} as const;

/** The command line is wrong. */
export class UsageError extends OrderstreamError {
  readonly code = 'USAGE';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Programs that must be on the machine are missing. The message lists all of them and how to get each. */
export class PrerequisiteError extends OrderstreamError {
  readonly code = 'PREREQUISITE_MISSING';

  constructor(readonly problems: readonly string[]) {
    super(
      `The local stack needs programs that are missing:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** An installation into `.local/installed` failed. */
export class InstallError extends OrderstreamError {
  readonly code = 'INSTALL_FAILED';

  constructor(what: string, detail: string) {
    super(`Installing ${what} failed. The next start tries again. The end of its output:\n${detail}`);
  }
}

/** Another runner uses the same home folder. */
export class LockedError extends OrderstreamError {
  readonly code = 'STACK_LOCKED';

  constructor(home: string, pid: number) {
    super(
      `The stack in ${home} is already running (process ${String(pid)}). Stop it first, or set ORDERSTREAM_HOME to another folder.`,
    );
  }
}

/** A component of the stack did not start, or exited before it was ready. */
export class StartError extends OrderstreamError {
  readonly code = 'START_FAILED';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Another program listens on the port of a component, which therefore cannot start, and whose clients may reach that program. */
export class PortTakenError extends StartError {
  constructor(component: string, port: number, owner: string) {
    super(
      `${component} cannot be started: its port ${String(port)} is in use by ${owner}. ` +
        'Nothing of this stack may use it, so the whole stack is killed; no event is lost. ' +
        'Start it again: it then takes free ports and continues where it stopped.',
    );
  }
}

/** The exit code for an error that a command ends with. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OrderstreamError)) return EXIT.notAccountedFor;
  switch (error.code) {
    case 'USAGE':
    case 'CONFIG_INVALID':
    case 'STACK_LOCKED':
      return EXIT.usage;
    case 'PREREQUISITE_MISSING':
      return EXIT.prerequisiteMissing;
    case 'NO_PROGRESS':
      return EXIT.noProgress;
    default:
      return EXIT.notAccountedFor;
  }
}

import { OrderstreamError } from '@orderstream/errors';

/** What a command of the local stack ends with. A signal ends it with 128 + its number. */
export const EXIT = {
  ok: 0,
  notAccountedFor: 1,
  usage: 2,
  prerequisiteMissing: 3,
  noProgress: 4,
  interrupted: 130,
  terminated: 143,
} as const;

/** The command line says something that cannot be done. */
export class UsageError extends OrderstreamError {
  readonly code = 'USAGE';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Programs that must be on the machine are not there. Says all of them, and how to get each. */
export class PrerequisiteError extends OrderstreamError {
  readonly code = 'PREREQUISITE_MISSING';

  constructor(readonly problems: readonly string[]) {
    super(
      `Something that the local stack needs is missing:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** A download or a build of something that the local stack installs for itself failed. */
export class InstallError extends OrderstreamError {
  readonly code = 'INSTALL_FAILED';

  constructor(what: string, detail: string) {
    super(`Installing ${what} failed. It is tried again at the next start. The end of its output:\n${detail}`);
  }
}

/** Another runner works in the same folder. */
export class LockedError extends OrderstreamError {
  readonly code = 'STACK_LOCKED';

  constructor(home: string, pid: number) {
    super(
      `The stack in ${home} is already running (process ${String(pid)}): stop that one first, or set ORDERSTREAM_HOME to another folder.`,
    );
  }
}

/** A part of the stack did not come up, or did not stay up, in its time. */
export class StartError extends OrderstreamError {
  readonly code = 'START_FAILED';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** The exit code that an error stands for. */
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

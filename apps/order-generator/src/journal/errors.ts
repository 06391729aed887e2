import { OrderstreamError } from '@orderstream/errors';

/** Another generator uses the directory. Nothing was changed. */
export class JournalInUseError extends OrderstreamError {
  readonly code = 'LEDGER_IN_USE';

  constructor(directory: string, pid: number) {
    super(
      `Process ${String(pid)} writes to the journal in ${directory}. Stop it, or set GENERATOR_LEDGER_DIR to another directory.`,
    );
  }
}

/** A file in the directory is damaged. Nothing was sent. */
export class JournalUnreadableError extends OrderstreamError {
  readonly code = 'LEDGER_UNREADABLE';

  constructor(path: string, cause: unknown) {
    super(
      `${path} is damaged (${cause instanceof Error ? cause.message : String(cause)}). Move its directory away; a new segment begins then.`,
      { cause },
    );
  }
}

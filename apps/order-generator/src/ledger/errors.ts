import { OrderstreamError } from '@orderstream/errors';

/** Another process uses the ledger directory. Nothing was changed. */
export class LedgerInUseError extends OrderstreamError {
  readonly code = 'LEDGER_IN_USE';

  constructor(directory: string, pid: number) {
    super(
      `Process ${String(pid)} writes to the ledger in ${directory}. Stop it, or set GENERATOR_LEDGER_DIR to another directory.`,
    );
  }
}

/** A file in the ledger directory is damaged. Nothing was sent. */
export class LedgerUnreadableError extends OrderstreamError {
  readonly code = 'LEDGER_UNREADABLE';

  constructor(path: string, cause: unknown) {
    super(
      `${path} is damaged (${cause instanceof Error ? cause.message : String(cause)}). Move its directory away; a new marketplace with other ids starts then.`,
      { cause },
    );
  }
}

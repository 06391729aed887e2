import { AdminClient } from './api/admin-client';
import { InterruptedError, UsageError } from './errors';
import { EXIT_CODES } from './exit-codes';
import { Colours } from './output/colours';
import { renderTable, type Column } from './output/table';
import { type Target } from './target';
import { type Terminal } from './terminal';

export interface SessionOptions {
  readonly json: boolean;
  readonly timeoutMs: number;
  readonly colours: boolean;
  /** Called at the first request: commands that send nothing need no stack. */
  readonly target: () => Target;
}

/** One run of a command: where it asks, and how it answers. */
export class Session {
  /** The exit code of a command that has ended without an error. */
  exitCode: number = EXIT_CODES.done.code;
  readonly colours: Colours;
  private found: Target | undefined;

  constructor(
    readonly terminal: Terminal,
    readonly options: SessionOptions,
  ) {
    this.colours = new Colours(options.colours && terminal.out.isTty);
  }

  get console(): AdminClient {
    return new AdminClient(this.target.console(), this.clientOptions);
  }

  service(name: string): AdminClient {
    return new AdminClient(this.target.service(name), this.clientOptions);
  }

  /** Prints the result: with `--json` the value as one document, otherwise the text of `forPeople`. */
  result(value: unknown, forPeople: (session: this) => string): void {
    const text = this.options.json ? JSON.stringify(value) : forPeople(this);
    this.terminal.out.write(`${text}\n`);
  }

  table<T>(columns: readonly Column<T>[], rows: readonly T[], ifEmpty: string): string {
    if (rows.length === 0) return ifEmpty;
    return renderTable(columns, rows, { width: this.terminal.out.columns, colours: this.colours });
  }

  /** A line on standard error, beside the result. */
  note(text: string): void {
    this.terminal.err.write(`${text}\n`);
  }

  /**
   * Asks a person.
   *
   * @throws UsageError where nobody can be asked
   */
  async confirm(question: string): Promise<boolean> {
    const { input, err, signal } = this.terminal;
    if (!input.isTty || !err.isTty) {
      throw new UsageError(
        'This needs a confirmation, and there is no terminal to ask on: add --yes. Nothing was sent.',
      );
    }
    err.write(`${question} [y/N] `);
    const answer = await input.line(signal);
    if (signal.aborted) throw new InterruptedError(EXIT_CODES.interrupted.code);
    return /^(y|yes)$/i.test(answer?.trim() ?? '');
  }

  private get target(): Target {
    this.found ??= this.options.target();
    return this.found;
  }

  private get clientOptions(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.options.timeoutMs, signal: this.terminal.signal };
  }
}

/** What the commands need to be built: the session exists once the command line is parsed. */
export interface Runtime {
  readonly session: () => Session;
  readonly now: () => number;
}

import { ConfigError, loadSettings } from '@orderstream/config';
import { escaped } from '@orderstream/terminal';
import { type Command, CommanderError } from 'commander';
import { duration } from './arguments';
import { ctlSettings, type CtlSettings } from './ctl.config';
import { CtlError, InterruptedError, ProblemError, UsageError } from './errors';
import { EXIT_CODES } from './exit-codes';
import { buildProgram, DEFAULT_TIMEOUT, type GlobalOptions } from './program';
import { Session } from './session';
import { findTarget } from './target';
import { type Terminal } from './terminal';

const HELP = 'npm run -s ctl -- --help lists the commands; --help after a command lists its options.';

/** Runs one command line. @returns the exit code */
export async function runCtl(args: readonly string[], terminal: Terminal): Promise<number> {
  let session: Session | undefined;
  const program = buildProgram({
    session: () => (session ??= openSession(program.opts<GlobalOptions>(), terminal)),
    now: terminal.now,
  });
  configureOutput(program, terminal);
  try {
    await program.parseAsync(args, { from: 'user' });
    return session?.exitCode ?? EXIT_CODES.done.code;
  } catch (error) {
    return reported(error, terminal, program.opts<GlobalOptions>().json ?? false);
  }
}

function openSession(options: GlobalOptions, terminal: Terminal): Session {
  const settings = loadSettings(ctlSettings, environmentOf(options, terminal.env));
  return new Session(terminal, {
    json: options.json ?? false,
    timeoutMs: options.timeout ?? duration(DEFAULT_TIMEOUT),
    colours: settings.noColor === undefined,
    target: () => findTarget(overridden(settings, options)),
  });
}

/** `--token-file` replaces the variables of the token, so that both are read and checked by one code. */
function environmentOf({ tokenFile }: GlobalOptions, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (tokenFile === undefined) return env;
  return { ...env, ORDERSTREAM_TOKEN: undefined, ORDERSTREAM_TOKEN_FILE: tokenFile };
}

function overridden(settings: CtlSettings, { url, serviceUrl }: GlobalOptions): CtlSettings {
  return { ...settings, url: url ?? settings.url, serviceUrls: serviceUrl ?? settings.serviceUrls };
}

/** Help is a result; complaints go to standard error, once, by `reported`. Subcommands copy this when they are made. */
function configureOutput(program: Command, { out }: Terminal): void {
  const each = (command: Command): void => {
    command.configureOutput({
      writeOut: (text) => {
        out.write(text);
      },
      writeErr: () => undefined,
      getOutHelpWidth: () => out.columns ?? 100,
    });
    command.commands.forEach(each);
  };
  each(program);
}

/** Prints why the command failed. @returns the exit code */
function reported(error: unknown, terminal: Terminal, json: boolean): number {
  // Whatever was under way fails once the command is interrupted: the reason is what counts.
  const { signal } = terminal;
  const cause: unknown = signal.aborted && signal.reason instanceof CtlError ? signal.reason : error;
  if (cause instanceof CommanderError) {
    if (cause.exitCode === 0) return EXIT_CODES.done.code;
    // A command that only groups others was given alone: its help says what is missing.
    const message =
      cause.message === '(outputHelp)'
        ? 'A command is missing.'
        : cause.message.replace(/^error: /, '').replace(/^command-argument value /, 'the value ');
    return complain(new UsageError(`${message}\n${HELP}`), terminal, json);
  }
  if (cause instanceof ConfigError) return complain(new UsageError(cause.message), terminal, json);
  if (cause instanceof CtlError) return complain(cause, terminal, json);
  throw cause;
}

function complain(error: CtlError, { out, err }: Terminal, json: boolean): number {
  const { exitCode, message } = error;
  // A closed pipe: nobody reads any more.
  if (message === '') return exitCode;
  err.write(`${escaped(message, true)}\n`);
  if (json && !(error instanceof InterruptedError)) {
    const problem = error instanceof ProblemError ? error.problem : { title: error.name, detail: message };
    out.write(`${JSON.stringify({ problem, exitCode })}\n`);
  }
  return exitCode;
}

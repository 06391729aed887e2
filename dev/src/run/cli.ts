import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { UsageError } from '../errors';

/** What `npm start` was asked for. */
export interface StartOptions {
  /** Events to generate in this run; undefined: until stopped. */
  readonly events: number | undefined;
  /** Stop and give the verdict once all of them are accounted for. */
  readonly exit: boolean;
  /** Events a second; 0 is as fast as it goes. */
  readonly rate: number;
  readonly seed: number | undefined;
  readonly defectRate: number | undefined;
  readonly json: boolean;
  readonly reset: boolean;
}

export type ParsedCommand =
  { readonly kind: 'start'; readonly options: StartOptions } | { readonly kind: 'help'; readonly text: string };

const DEFAULT_RATE = 50;

const EXPLANATION = `
Starts Kafka, the Pub/Sub emulator, the BigQuery emulator and all services, and generates order events until stopped
(Ctrl-C; twice: at once). The next start goes on where this one stopped.

Examples:
  npm start
  npm start -- --rate 500
  npm start -- --events 20000 --exit            as fast as it goes, then the accounts
  npm start -s -- --events 20000 --exit --json  the accounts as one line of JSON on standard output

Exit codes: 0 stopped, or everything is accounted for; 1 it is not; 2 wrong usage or configuration; 3 a prerequisite is
missing; 4 nothing moved for 60 s; 130 and 143 ended by a signal.

Logs: .local/logs. Addresses and tokens of the running stack: .local/stack.json.`;

interface RawOptions {
  readonly events?: number;
  readonly exit?: boolean;
  readonly rate?: number;
  readonly seed?: number;
  readonly defectRate?: number;
  readonly json?: boolean;
  readonly reset?: boolean;
}

/** @throws UsageError */
export function parseCommandLine(args: readonly string[]): ParsedCommand {
  let help = '';
  const command = new Command('npm start --')
    .usage('[options]')
    .option('--events <n>', 'generate so many events in this run, then no more', integerFrom(1))
    .option('--exit', 'with --events: end once every event is accounted for')
    .option('--rate <n>', `events a second (default: ${String(DEFAULT_RATE)}; with --exit: unlimited)`, integerFrom(1))
    .option('--seed <n>', 'seed of the generated content', integerFrom(0))
    .option('--defect-rate <x>', 'share of bad records, 0 to 1', share)
    .option('--json', 'with --exit: print the accounts as one line of JSON')
    .option('--reset', 'forget all data of earlier runs first')
    .addHelpText('after', EXPLANATION)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => (help += text),
      writeErr: () => undefined,
    });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: help };
    throw new UsageError(`${error.message}\nnpm start -- --help tells what there is.`, error);
  }
  const { events, exit = false, rate, seed, defectRate, json = false, reset = false } = command.opts<RawOptions>();
  if (exit && events === undefined) throw new UsageError('--exit needs --events: the number after which to stop.');
  if (json && !exit) throw new UsageError('--json needs --exit: the accounts are made at the end.');
  return {
    kind: 'start',
    options: { events, exit, rate: rate ?? (exit ? 0 : DEFAULT_RATE), seed, defectRate, json, reset },
  };
}

function integerFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${String(min)} up.`);
    }
    return value;
  };
}

function share(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value > 1) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

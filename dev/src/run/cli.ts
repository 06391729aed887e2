import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { UsageError } from '../errors';

/** Options of `npm start`. */
export interface StartOptions {
  /** Number of events to generate in this run; undefined is unlimited. */
  readonly events: number | undefined;
  /** Whether to stop, and print the summary, when all events are accounted for. */
  readonly exit: boolean;
  /** Events per second; 0 is unlimited. */
  readonly rate: number;
  readonly seed: number | undefined;
  readonly defectRate: number | undefined;
  /** Name of the scenario, or path of its file; undefined is the default one. */
  readonly scenario: string | undefined;
  readonly json: boolean;
  readonly reset: boolean;
}

export type ParsedCommand =
  { readonly kind: 'start'; readonly options: StartOptions } | { readonly kind: 'help'; readonly text: string };

const DEFAULT_RATE = 50;

const EXPLANATION = `
Starts Kafka, the emulators of Pub/Sub, BigQuery and the BigQuery subscription, and all services, and generates events
until Ctrl-C. A second Ctrl-C kills all processes. The next start continues where this one stopped.

Examples:
  npm start
  npm start -- --rate 500
  npm start -- --scenario flash-sale
  npm start -- --events 20000 --exit            20,000 events without a rate limit, then a summary
  npm start -s -- --events 20000 --exit --json  the summary as one line of JSON on standard output

Exit codes: 0 every event is accounted for; 1 some are not; 2 wrong usage or configuration; 3 a prerequisite is missing;
4 no progress for 60 s; 130 and 143 ended by a signal.

Logs: .local/logs. Addresses and tokens of the running stack: .local/stack.json.`;

interface RawOptions {
  readonly events?: number;
  readonly exit?: boolean;
  readonly rate?: number;
  readonly seed?: number;
  readonly defectRate?: number;
  readonly scenario?: string;
  readonly json?: boolean;
  readonly reset?: boolean;
}

/** @throws UsageError */
export function parseCommandLine(args: readonly string[]): ParsedCommand {
  let help = '';
  const command = new Command('npm start --')
    .usage('[options]')
    .option('--events <n>', 'number of events to generate in this run (default: unlimited)', integerFrom(1))
    .option('--exit', 'with --events: exit when every event is accounted for')
    .option(
      '--rate <n>',
      `events per second (default: ${String(DEFAULT_RATE)}; with --exit: unlimited)`,
      integerFrom(1),
    )
    .option('--seed <n>', 'seed of the generated events', integerFrom(0))
    .option('--defect-rate <x>', 'share of events with a defect, 0 to 1', parseShare)
    .option('--scenario <name>', 'scenario of the generated events: a name of docs/scenarios.md, or a .yaml file')
    .option('--json', 'with --exit: print the summary as one line of JSON')
    .option('--reset', 'delete all data of earlier runs first')
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
    throw new UsageError(`${error.message}\nnpm start -- --help lists the options.`, error);
  }
  const {
    events,
    exit = false,
    rate,
    seed,
    defectRate,
    scenario,
    json = false,
    reset = false,
  } = command.opts<RawOptions>();
  if (exit && events === undefined) throw new UsageError('--exit requires --events, the number after which to stop.');
  if (json && !exit) throw new UsageError('--json requires --exit: the summary is printed at the end.');
  return {
    kind: 'start',
    options: { events, exit, rate: rate ?? (exit ? 0 : DEFAULT_RATE), seed, defectRate, scenario, json, reset },
  };
}

function integerFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`Expected an integer of at least ${String(min)}.`);
    }
    return value;
  };
}

function parseShare(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value > 1) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

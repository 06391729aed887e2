import { parseDecimal, parseInteger } from '@orderstream/config';
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
  /** Orders of the first history; 0: none. */
  readonly history: number;
}

export type ParsedCommand =
  { readonly kind: 'start'; readonly options: StartOptions } | { readonly kind: 'help'; readonly text: string };

const DEFAULT_RATE = 50;
const DEFAULT_PAST_ORDERS = 50_000;
const MAX_PAST_ORDERS = 100_000_000;

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
  readonly history?: number;
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
    .option(
      '--history <n>',
      `orders of the history that the first start loads into raw_orders, in the background; 0: none (default: ${String(DEFAULT_PAST_ORDERS)}; with --exit: none)`,
      integerFrom(0, MAX_PAST_ORDERS),
    )
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
    history,
  } = command.opts<RawOptions>();
  if (exit && events === undefined) throw new UsageError('--exit requires --events, the number after which to stop.');
  if (json && !exit) throw new UsageError('--json requires --exit: the summary is printed at the end.');
  if (exit && history !== undefined && history > 0) {
    throw new UsageError('--history requires a run without --exit: such a run ends with the stream.');
  }
  return {
    kind: 'start',
    options: {
      history: history ?? (exit ? 0 : DEFAULT_PAST_ORDERS),
      events,
      exit,
      rate: rate ?? (exit ? 0 : DEFAULT_RATE),
      seed,
      defectRate,
      scenario,
      json,
      reset,
    },
  };
}

/** For an option of commander: an integer of at least `min`, and at most `max`. */
export function integerFrom(min: number, max?: number): (text: string) => number {
  return (text) => {
    const value = parseInteger(text, { min, ...(max === undefined ? {} : { max }) });
    if (value === undefined) {
      const limit = max === undefined ? `of at least ${String(min)}` : `from ${String(min)} to ${String(max)}`;
      throw new InvalidArgumentError(`Expected an integer ${limit}.`);
    }
    return value;
  };
}

/** For an option of commander: a number from 0 to 1. */
export function parseShare(text: string): number {
  const value = parseDecimal(text, { min: 0, max: 1 });
  if (value === undefined) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

const DEAD_LETTERS_USAGE = 'npm run -s dead-letters [-- <number of dead letters, 20 by default>]';
const DEFAULT_DEAD_LETTERS = 20;
const MAX_DEAD_LETTERS = 1_000;

/** The number of dead letters that `npm run dead-letters` prints. @throws UsageError */
export function parseDeadLetterLimit(args: readonly string[]): number {
  const [text = String(DEFAULT_DEAD_LETTERS)] = args;
  const limit = args.length > 1 ? undefined : parseInteger(text, { min: 1, max: MAX_DEAD_LETTERS });
  if (limit !== undefined) return limit;
  throw new UsageError(
    `The number of dead letters must be an integer from 1 to ${String(MAX_DEAD_LETTERS)}: ${DEAD_LETTERS_USAGE}`,
  );
}

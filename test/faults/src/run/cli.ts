import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { UsageError } from '../../../../dev/src';
import { type Fault } from '../faults/fault';

export interface FaultOptions {
  readonly seed: number;
  /** How many; undefined: each of the chosen once. */
  readonly faults: number | undefined;
  readonly records: number | undefined;
  readonly only: readonly string[];
  readonly rate: number;
  readonly round: number;
  readonly maxLag: number;
  readonly defectRate: number;
  readonly mixed: boolean;
  readonly list: boolean;
  readonly breaks: boolean;
  /** False: the models of the protocols are explored first. */
  readonly skipModels: boolean;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be a positive integer');
  return value;
};

const share = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('must be from 0 to 1');
  return value;
};

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** @throws UsageError; undefined after --help */
export function parseFaultOptions(args: readonly string[]): FaultOptions | undefined {
  const command = new Command('npm run test:faults --')
    .description('Runs the whole system under load, breaks it, and compares what was sent with what arrived.')
    .option('--seed <n>', 'repeats a schedule', positive, 1 + Math.floor(Math.random() * 999_999))
    .option('--faults <n>', 'so many, at random; without it each of the chosen once', positive)
    .option('--records <n>', 'sent in all; without it 20,000 for each fault', positive)
    .option('--only <text>', 'faults whose name contains it; may be given again', collect, [])
    .option('--rate <n>', 'events a second', positive, 2_000)
    .option('--round <n>', 'faults between two comparisons', positive, 10)
    .option('--max-lag <n>', 'the load rests while more records wait', positive, 60_000)
    .option('--defect-rate <n>', 'share of records that are bad', share, 0.05)
    .option('--mixed', 'often two faults at the same time', false)
    .option('--breaks', 'tests the suite: the protocol with one rule missing has to turn it red', false)
    .option('--skip-models', 'does not explore the models of the protocols first', false)
    .option('--list', 'names the faults and ends', false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return undefined;
    throw new UsageError(`${error.message}\n${command.helpInformation()}`, error);
  }
  return command.opts<FaultOptions>();
}

/** @throws UsageError when there is none */
export function chosen(faults: readonly Fault[], only: readonly string[]): readonly Fault[] {
  if (only.length === 0) return faults;
  const found = faults.filter(({ name }) => only.some((text) => name.includes(text)));
  if (found.length === 0) throw new UsageError(`no fault is called ${only.join(' or ')}; see --list`);
  return found;
}

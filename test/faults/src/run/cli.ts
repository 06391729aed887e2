import { Command, CommanderError } from 'commander';

import { integerFrom, parseShare, UsageError } from '../../../../dev/src';
import { type Fault } from '../faults/fault';

export interface FaultOptions {
  readonly seed: number;
  /** Undefined: each of the chosen once. */
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
  readonly skipModels: boolean;
}

const positive = integerFrom(1);

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** @returns undefined after --help. @throws UsageError */
export function parseFaultOptions(args: readonly string[]): FaultOptions | undefined {
  const command = new Command('npm run test:faults --')
    .description('Runs the whole system under load, injects faults, and compares what was sent with what arrived.')
    .option('--seed <n>', 'repeats a schedule', positive, 1 + Math.floor(Math.random() * 999_999))
    .option('--faults <n>', 'number of faults, at random; default: each of the chosen once', positive)
    .option('--records <n>', 'records in all; default: 20,000 for each fault', positive)
    .option('--only <text>', 'faults whose name contains the text; may be repeated', collect, [])
    .option('--rate <n>', 'events per second', positive, 2_000)
    .option('--round <n>', 'faults between two comparisons', positive, 10)
    .option('--max-lag <n>', 'pauses the load while more records wait', positive, 60_000)
    .option('--defect-rate <n>', 'share of defective records', parseShare, 0.05)
    .option('--mixed', 'injects two faults at the same time, often', false)
    .option('--breaks', 'tests the suite: without one rule, the protocol has to turn it red', false)
    .option('--skip-models', 'does not explore the models of the protocols first', false)
    .option('--list', 'prints the faults and exits', false)
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

/** Faults whose name contains one of the texts; all if there are none. @throws UsageError when a text is in no name */
export function chooseFaults(faults: readonly Fault[], only: readonly string[]): readonly Fault[] {
  if (only.length === 0) return faults;
  const unknown = only.filter((text) => !faults.some(({ name }) => name.includes(text)));
  if (unknown.length > 0) throw new UsageError(`there is no fault ${unknown.join(', ')}; see --list`);
  return faults.filter(({ name }) => only.some((text) => name.includes(text)));
}

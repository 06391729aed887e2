import { parseArgs, type ParseArgsConfig } from 'node:util';
import { dayOf, type DayRange, type Partition, PARTITIONS } from '../runs/run';

const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;
const SECOND_MS = 1_000;

/** The command line is not as it must be. */
export class UsageError extends Error {}

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  rows: { type: 'string' },
  scenario: { type: 'string' },
  seed: { type: 'string' },
  partition: { type: 'string' },
  file: { type: 'string' },
  mapping: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  'scheduled-at': { type: 'string' },
  limit: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

export interface BatchArguments {
  readonly words: readonly string[];
  readonly range?: DayRange;
  readonly rows?: number;
  readonly scenario?: string;
  readonly seed?: string;
  readonly partition?: Partition;
  readonly file?: string;
  readonly mapping?: string;
  readonly isDryRun: boolean;
  readonly scheduledAt: string;
  readonly limit: number;
  readonly help: boolean;
}

/** @throws UsageError */
export function parseArguments(args: readonly string[], now: Date): BatchArguments {
  const { values, positionals } = parsed(args);
  const { from, to, rows, partition, limit, file, mapping } = values;
  if ((from === undefined) !== (to === undefined)) throw new UsageError('--from and --to belong together.');
  const by = PARTITIONS.find((each) => each === partition);
  if (partition !== undefined && by === undefined)
    throw new UsageError(`--partition is one of ${PARTITIONS.join(', ')}.`);
  if (mapping !== undefined && file === undefined) throw new UsageError('--mapping belongs to --file.');
  return {
    words: positionals,
    ...(from !== undefined && to !== undefined && { range: rangeOf(from, to, now) }),
    ...(rows !== undefined && { rows: wholeNumber('--rows', rows, 1, 100_000_000) }),
    ...(values.scenario !== undefined && { scenario: values.scenario }),
    ...(values.seed !== undefined && { seed: String(wholeNumber('--seed', values.seed, 0, 4_294_967_295)) }),
    ...(by !== undefined && { partition: by }),
    ...(file !== undefined && { file }),
    ...(mapping !== undefined && { mapping }),
    isDryRun: values['dry-run'],
    scheduledAt: scheduledTime(values['scheduled-at'], now),
    limit: limit === undefined ? 20 : wholeNumber('--limit', limit, 1, 1_000),
    help: values.help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function rangeOf(from: string, to: string, now: Date): DayRange {
  for (const [name, day] of [
    ['--from', from],
    ['--to', to],
  ] as const) {
    if (!DAY.test(day) || Number.isNaN(Date.parse(day)) || dayOf(Date.parse(day)) !== day) {
      throw new UsageError(`${name} is a day such as 2026-01-31, not ${day}.`);
    }
  }
  if (from > to) throw new UsageError(`--from ${from} is after --to ${to}.`);
  if (to >= dayOf(now.getTime()))
    throw new UsageError(`--to ${to} has not ended yet (UTC): the last day is yesterday.`);
  return { from, to: dayOf(Date.parse(to) + DAY_MS) };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`${name} is a whole number from ${min} to ${max}, not ${text}.`);
  return value;
}

/** Whole seconds: the time is a part of the run id. */
function scheduledTime(text: string | undefined, now: Date): string {
  const ms = text === undefined ? now.getTime() : Date.parse(text);
  if (Number.isNaN(ms))
    throw new UsageError(`--scheduled-at is a time such as 2026-02-01T02:00:00Z, not ${text ?? ''}.`);
  return new Date(Math.floor(ms / SECOND_MS) * SECOND_MS).toISOString().replace('.000Z', 'Z');
}

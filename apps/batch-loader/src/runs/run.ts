/** The blocks of a run, in their order: the first one by the source of the orders. */
export const BLOCKS = ['generate_data', 'read_file', 'quality_checks', 'export_to_gbq'] as const;
export type BlockName = (typeof BLOCKS)[number];

/** `waiting`: no block has begun yet. */
export type RunState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** Days in UTC, `2026-01-31`. */
export interface DayRange {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

/** Orders of the simulation. */
export interface SimulationSource {
  readonly kind: 'simulation';
  readonly seed: string;
  readonly scenario: string;
  /** Expected number of orders over these days, in place of the rate of the scenario's history. */
  readonly rate?: (DayRange & { readonly orders: number }) | undefined;
}

/** Orders of a file. */
export interface FileSource {
  readonly kind: 'file';
  /** A path or `gs://bucket/object`. */
  readonly uri: string;
  /** Text of the mapping file. */
  readonly mapping?: string | undefined;
}

/** What a run does. Two runs with the same plan are one run. */
export interface RunPlan {
  readonly pipeline: 'load_batch_to_bq' | 'load_file_to_bq';
  /** RFC 3339 UTC, whole seconds. */
  readonly scheduledAt: string;
  readonly range: DayRange;
  readonly source: SimulationSource | FileSource;
  /** Rule actions in place of the batch's own: every attempt must reject the same rows. */
  readonly actions?: Readonly<Record<string, string | undefined>> | undefined;
}

/** What a block has written. */
export interface BlockOutput {
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Rejected rows by the first rule that rejected them. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Accepted rows by each rule that flagged or repaired them. */
  readonly flagged?: Readonly<Record<string, number>>;
  /** Keys in the object store. */
  readonly files: readonly string[];
  /** What the next block needs besides. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface BlockRecord {
  readonly attempt: number;
  readonly state: RunState;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly output?: BlockOutput;
  /** `CODE: message` */
  readonly error?: string;
}

/** A row of `pipeline_runs`. */
export interface RunEvent {
  readonly block?: BlockName;
  readonly attempt?: number;
  readonly state: RunState;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly recordedAt: string;
  readonly rowsIn?: number;
  readonly rowsOut?: number;
  readonly rejected?: Readonly<Record<string, number>>;
  readonly error?: string;
}

/** A run as the object store has it: the truth from which it is resumed. */
export interface RunRecord {
  readonly id: string;
  /** A part of its job ids, which are of the whole project: other stores may have a run of the same id. */
  readonly jobKey: string;
  readonly plan: RunPlan;
  readonly state: RunState;
  readonly createdAt: string;
  readonly endedAt?: string | undefined;
  readonly error?: string | undefined;
  readonly blocks: Readonly<Partial<Record<BlockName, BlockRecord>>>;
  readonly events: readonly RunEvent[];
  /** So many events are rows of `pipeline_runs`. */
  readonly published: number;
}

const PREFIX = { load_batch_to_bq: 'load', load_file_to_bq: 'file' } as const;
const digits = (time: string): string => time.replaceAll(/[-:]/g, '').toLowerCase();

/**
 * `load_20261126t020000z_20260101_20260131`: pipeline, scheduled time and days. A schedule that fires twice starts one run.
 * Lower-case letters, digits and `_`: it is a part of names in BigQuery.
 */
export function runIdOf({ pipeline, scheduledAt, range }: Pick<RunPlan, 'pipeline' | 'scheduledAt' | 'range'>): string {
  return `${PREFIX[pipeline]}_${digits(scheduledAt)}_${digits(range.from)}_${digits(lastDay(range))}`;
}

export const blocksOf = ({ source }: RunPlan): readonly BlockName[] => [
  source.kind === 'simulation' ? 'generate_data' : 'read_file',
  'quality_checks',
  'export_to_gbq',
];

const DAY_MS = 86_400_000;

/** The day before the end. */
export const lastDay = ({ to }: DayRange): string => dayOf(Date.parse(to) - DAY_MS);

/** `2026-01-31` */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** For people: `2026-01-01 to 2026-01-31`. */
export const rangeText = (range: DayRange): string => `${range.from} to ${lastDay(range)}`;

export const overlaps = (a: DayRange, b: DayRange): boolean => a.from < b.to && b.from < a.to;

/** The days of one run: a day, a calendar month, or the whole range. */
export const PARTITIONS = ['day', 'month', 'range'] as const;
export type Partition = (typeof PARTITIONS)[number];

/** The range, cut at the beginnings of months or days: a run for each. */
export function partitionsOf({ from, to }: DayRange, by: Partition): DayRange[] {
  if (by === 'range') return [{ from, to }];
  const ranges: DayRange[] = [];
  for (let start = from; start < to;) {
    const date = new Date(start);
    if (by === 'day') date.setUTCDate(date.getUTCDate() + 1);
    else date.setUTCMonth(date.getUTCMonth() + 1, 1);
    const next = date.toISOString().slice(0, 10);
    const end = next < to ? next : to;
    ranges.push({ from: start, to: end });
    start = end;
  }
  return ranges;
}

export const totalOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

import { type DayRange, rangeText, type RunPlan } from '../runs/run';

/** The steps of a daily run, in their order. */
export const STEPS = ['load', 'build', 'checks'] as const;
export type StepName = (typeof STEPS)[number];

/** What a daily run does. Two with the same scheduled time and days are one. */
export interface DailyPlan {
  /** RFC 3339 UTC, whole seconds. */
  readonly scheduledAt: string;
  readonly range: DayRange;
  /** Whether the days were named: then dbt rebuilds them, however old they are. */
  readonly isBackfill: boolean;
  /** The batch runs of the load: one for each part of the days. */
  readonly runs: readonly RunPlan[];
}

export type DailyState = 'running' | 'succeeded' | 'failed';

export interface StepRecord {
  /** Attempts so far, over all starts. */
  readonly attempt: number;
  readonly state: DailyState;
  readonly startedAt: string;
  readonly endedAt?: string;
  /** What it did, for people. */
  readonly summary?: string;
  /** `CODE: message` */
  readonly error?: string;
}

/** A daily run as the object store has it. */
export interface DailyRun {
  readonly id: string;
  readonly plan: DailyPlan;
  readonly state: DailyState;
  readonly createdAt: string;
  readonly endedAt?: string | undefined;
  readonly error?: string | undefined;
  /** What started it, such as `cloud run daily-x7k2p, attempt 0`; each start adds one. */
  readonly startedBy: readonly string[];
  readonly steps: Readonly<Partial<Record<StepName, StepRecord>>>;
}

const DAY_MS = 86_400_000;
const digits = (time: string): string => time.replaceAll(/[-:]/g, '').toLowerCase();

/** `daily_20260201t020000z_20260131_20260131`: scheduled time and days. A schedule that fires twice starts one run. */
export function dailyIdOf({ scheduledAt, range }: Pick<DailyPlan, 'scheduledAt' | 'range'>): string {
  const [from = '', to = ''] = rangeText(range).split(' to ');
  return `daily_${digits(scheduledAt)}_${digits(from)}_${digits(to)}`;
}

/** The days before the day of this time. */
export function daysBefore(time: string, days: number): DayRange {
  const to = time.slice(0, 10);
  return { from: new Date(Date.parse(to) - days * DAY_MS).toISOString().slice(0, 10), to };
}

/** The day before the day of this time. */
export const dayBefore = (time: string): DayRange => daysBefore(time, 1);

import { type BatchLoaderSettings } from '../batch-loader.config';
import { type DayRange, partitionsOf, type RunPlan } from './run';

type Defaults = Pick<BatchLoaderSettings['batch'], 'seed' | 'scenario' | 'partition'>;

/** What is asked for. What is left out is as the settings say. */
export interface HistoryRequest {
  readonly range: DayRange;
  readonly scheduledAt: string;
  /** Orders expected over all days of the range. */
  readonly rows?: number | undefined;
  readonly scenario?: string | undefined;
  readonly seed?: string | undefined;
  readonly partition?: 'day' | 'month' | undefined;
}

/** A run for each part of the range. */
export function historyPlans(request: HistoryRequest, defaults: Defaults): readonly RunPlan[] {
  const { range, scheduledAt, rows, scenario, seed, partition } = request;
  const source: RunPlan['source'] = {
    kind: 'simulation',
    seed: seed ?? String(defaults.seed),
    scenario: scenario ?? defaults.scenario,
    ...(rows !== undefined && { rate: { ...range, orders: rows } }),
  };
  return partitionsOf(range, partition ?? defaults.partition).map((part) => ({
    pipeline: 'load_batch_to_bq',
    scheduledAt,
    range: part,
    source,
  }));
}

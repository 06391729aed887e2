import { History, type Scenario } from '@orderstream/simulation';
import { type DayRange, type SimulationSource } from '../runs/run';

/** @throws BatchInputError if there is no such scenario */
export type ScenarioLoader = (name: string) => Scenario;

/**
 * The orders of the simulation. The rate is that of the scenario's history, or `rate` of the source: both do not depend on
 * the days of the run, so a run of a month and runs of its days have the same orders.
 */
export function historyOf({ seed, scenario, rate }: SimulationSource, range: DayRange, load: ScenarioLoader): History {
  const loaded = load(scenario);
  const history = rate === undefined ? loaded.history : { from: rate.from, to: rate.to, orders: rate.orders };
  return new History(seed, { ...loaded, history }, range);
}

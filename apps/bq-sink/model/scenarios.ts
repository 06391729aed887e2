import { type Bounds, bounds } from './bounds';

export interface Scenario {
  readonly name: string;
  readonly bounds: Bounds;
}

/** The bounds of a model are small where the protocol as it is must be clean, and its breaks are caught. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'a refused record and a marker', bounds: bounds({ log: 'ob-o', lostAnswers: 0 }) },
];

import { type Bounds, bounds } from './bounds';

export interface Scenario {
  readonly name: string;
  readonly bounds: Bounds;
}

/** Scenarios without a violation. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'an order, a redelivery and a rejection', bounds: bounds({}) },
  { name: 'a record that instances evaluate differently', bounds: bounds({ input: '?2a?a' }) },
  { name: 're-assignments', bounds: bounds({ input: '1?2a', reassignments: 3, crashes: 0 }) },
  { name: 'commits of unknown outcome', bounds: bounds({ input: 'a?2a', lostAnswers: 3, crashes: 0 }) },
  { name: 'late answers', bounds: bounds({ input: 'a?2a', lostAnswers: 2, lateAnswers: 2, crashes: 0 }) },
  { name: 'kills', bounds: bounds({ input: '1xa2a', crashes: 3, reassignments: 0 }) },
];

export const DEEP_SCENARIOS: readonly Scenario[] = [
  { name: 'two of each fault', bounds: bounds({ input: '1?a2a', crashes: 2, reassignments: 2, lostAnswers: 2 }) },
  {
    name: 'batches of three',
    bounds: bounds({ input: 'a?2ba2b', maxBatch: 3, crashes: 1, reassignments: 2, lostAnswers: 2 }),
  },
  {
    name: 'zombies that open again and again',
    bounds: bounds({ input: '?2a', crashes: 2, reassignments: 5, lostAnswers: 2 }),
  },
  {
    name: 'late answers',
    bounds: bounds({ input: 'a?2a', reassignments: 2, lostAnswers: 3, lateAnswers: 3 }),
  },
];

import { type Bounds, bounds } from './bounds';

export interface Scenario {
  readonly name: string;
  readonly bounds: Bounds;
}

/** The protocol must be clean in each. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'a rejected record and a marker', bounds: bounds({}) },
  {
    name: 'a rejected record, and batches that go out again as they were',
    bounds: bounds({ log: 'oboo', regroups: false }),
  },
  { name: 'two rejected records in a row, then the end', bounds: bounds({ log: 'obb' }) },
  { name: 'records that the encoder rejects, and BigQuery or not', bounds: bounds({ log: 'xof' }) },
  { name: 'a batch of three with a rejection behind good rows', bounds: bounds({ log: 'oob', maxBatch: 3 }) },
  { name: 'a zombie that opens again and again', bounds: bounds({ log: 'obo', reassignments: 3 }) },
  { name: 'a stream is kept', bounds: bounds({ log: 'obo', keepsStream: true, reassignments: 2 }) },
  {
    name: 'a stream disappears, and dead letters are replayed',
    bounds: bounds({ log: 'obo', lostAnswers: 0, expiries: 1, replays: true }),
  },
  {
    name: 'a stream disappears with an append under way',
    bounds: bounds({ log: 'obo', lostAnswers: 0, expiries: 1, acceptedMayLandAfterExpiry: true }),
  },
  { name: 'a second finalize gives no count', bounds: bounds({ log: 'obo', finalizeAnswersOnce: true }) },
  { name: 'recovery without opening again', bounds: bounds({ log: 'obo', recoversInPlace: true }) },
  { name: 'draining and idling', bounds: bounds({ log: 'ob-o', endings: 2 }) },
  { name: 'a log that grows', bounds: bounds({ log: 'ob-o', grows: 3 }) },
  {
    name: 'a log that grows, and a stream that disappears with an append under way',
    bounds: bounds({ log: 'obo', grows: 2, lostAnswers: 0, expiries: 1, acceptedMayLandAfterExpiry: true }),
  },
  { name: 'answers to commits that were given up', bounds: bounds({ log: 'obo', lostAnswers: 2, lateAnswers: 1 }) },
];

/** For minutes, not seconds. */
export const DEEP_SCENARIOS: readonly Scenario[] = [
  {
    name: 'six entries, two kills, two re-assignments, two lost answers',
    bounds: bounds({ log: 'oxo-bo', crashes: 2, reassignments: 2, lostAnswers: 2 }),
  },
  { name: 'three kills, three re-assignments', bounds: bounds({ crashes: 3, reassignments: 3 }) },
  {
    name: 'three lost answers, one of which comes late',
    bounds: bounds({ log: 'obo', crashes: 3, reassignments: 2, lostAnswers: 3, lateAnswers: 1 }),
  },
  { name: 'three appends in flight', bounds: bounds({ log: 'obofo', maxBatch: 1, inFlight: 3, reassignments: 2 }) },
  {
    name: 'a log that grows from nothing, two kills, two re-assignments, two lost answers',
    bounds: bounds({ grows: 5, crashes: 2, reassignments: 2, lostAnswers: 2 }),
  },
  {
    name: 'everything at once',
    bounds: bounds({
      log: 'obo',
      grows: 2,
      expiries: 1,
      endings: 1,
      keepsStream: true,
      replays: true,
      finalizeAnswersOnce: true,
      recoversInPlace: true,
      acceptedMayLandAfterExpiry: true,
    }),
  },
];

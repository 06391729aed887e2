import { type Bounds, bounds } from './bounds';

export interface Scenario {
  readonly name: string;
  readonly bounds: Bounds;
}

/** Exploration must find no violation in any of them. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'a rejected record and a marker', bounds: bounds({}) },
  {
    name: 'a rejected record, and batches that are sent again unchanged',
    bounds: bounds({ log: 'oboo', regroups: false }),
  },
  { name: 'two rejected records in a row, then the end', bounds: bounds({ log: 'obb' }) },
  {
    name: 'a record that the encoder rejects, and one that BigQuery rejects on some attempts',
    bounds: bounds({ log: 'xof' }),
  },
  { name: 'a batch of three with a rejected row after valid rows', bounds: bounds({ log: 'oob', maxBatch: 3 }) },
  { name: 'a zombie that opens the partition repeatedly', bounds: bounds({ log: 'obo', reassignments: 3 }) },
  { name: 'a process reuses its stream', bounds: bounds({ log: 'obo', reusesStream: true, reassignments: 2 }) },
  {
    name: 'a stream is deleted, and dead letters are replayed',
    bounds: bounds({ log: 'obo', lostAnswers: 0, expiries: 1, replays: true }),
  },
  {
    name: 'a stream is deleted with an append in flight',
    bounds: bounds({ log: 'obo', lostAnswers: 0, expiries: 1, acceptedMayLandAfterExpiry: true }),
  },
  { name: 'finalizing again returns no row count', bounds: bounds({ log: 'obo', finalizeAnswersOnce: true }) },
  { name: 'recovery without opening the producer again', bounds: bounds({ log: 'obo', recoversInPlace: true }) },
  { name: 'a drain and an idle partition', bounds: bounds({ log: 'ob-o', endings: 2 }) },
  { name: 'a log that grows', bounds: bounds({ log: 'ob-o', grows: 3 }) },
  {
    name: 'a log that grows, and a stream that is deleted with an append in flight',
    bounds: bounds({ log: 'obo', grows: 2, lostAnswers: 0, expiries: 1, acceptedMayLandAfterExpiry: true }),
  },
  {
    name: 'a stream that BigQuery wrongly does not know, and one that is deleted',
    bounds: bounds({ log: 'ob', reassignments: 2, lostAnswers: 0, expiries: 1, falseNotFounds: 2 }),
  },
  { name: 'late answers to commits', bounds: bounds({ log: 'obo', lostAnswers: 2, lateAnswers: 1 }) },
];

/** Explorations that take minutes. */
export const DEEP_SCENARIOS: readonly Scenario[] = [
  {
    name: 'six entries, two kills, two reassignments, two lost answers',
    bounds: bounds({ log: 'oxo-bo', crashes: 2, reassignments: 2, lostAnswers: 2 }),
  },
  { name: 'three kills, three reassignments', bounds: bounds({ crashes: 3, reassignments: 3 }) },
  {
    name: 'three lost answers, one of which arrives late',
    bounds: bounds({ log: 'obo', crashes: 3, reassignments: 2, lostAnswers: 3, lateAnswers: 1 }),
  },
  { name: 'three appends in flight', bounds: bounds({ log: 'obofo', maxBatch: 1, inFlight: 3, reassignments: 2 }) },
  {
    name: 'a log that grows from empty, two kills, two reassignments, two lost answers',
    bounds: bounds({ grows: 5, crashes: 2, reassignments: 2, lostAnswers: 2 }),
  },
  {
    name: 'everything at once',
    bounds: bounds({
      log: 'obo',
      grows: 2,
      expiries: 1,
      falseNotFounds: 1,
      endings: 1,
      reusesStream: true,
      replays: true,
      finalizeAnswersOnce: true,
      recoversInPlace: true,
      acceptedMayLandAfterExpiry: true,
    }),
  },
];

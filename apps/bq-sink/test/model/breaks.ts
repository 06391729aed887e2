import { NO_END } from '../../../../test/model-checking/explore';
import { type Bounds, bounds } from './bounds';
import type { BreakName } from './model-context';

export interface Break {
  /** How the broken protocol differs. */
  readonly description: string;
  /** The smallest bounds within which exploration finds the violation. */
  readonly bounds: Bounds;
  readonly violation: string;
  /** Number of steps in the shortest trace. */
  readonly length: number;
}

const kill = { crashes: 1, reassignments: 0, lostAnswers: 0 };
const expiry = { ...kill, expiries: 1 };

/** Bounds whose traces can be replayed with the code. */
const replayable = (overrides: Partial<Bounds>): Bounds => bounds({ regroups: false, ...overrides });

/** Each break leaves out one rule of the protocol. Exploration must find a lost or duplicated record, or a livelock. */
export const BREAKS: Readonly<Record<BreakName, Break>> = {
  skipsFinalize: {
    description: 'recovery reads the row count without finalizing the stream',
    bounds: replayable({ log: 'o', ...kill }),
    violation: 'record 0 is in the table twice',
    length: 17,
  },
  commitsBeforeAck: {
    description: 'the position is committed when the append is sent',
    bounds: replayable({ log: 'o', ...kill }),
    violation: 'stops: 0 rows are fewer than the 1 committed',
    length: 13,
  },
  nonTransactionalCommits: {
    description: 'positions are committed outside of transactions, and retried across a rebalance',
    bounds: replayable({ log: 'ooo', maxBatch: 1, lostAnswers: 0 }),
    violation: 'record 1 is in the table twice',
    length: 27,
  },
  assignsAtOldPosition: {
    description: 'a new stream is assigned at the old committed position',
    bounds: replayable({ log: 'oo', ...kill, crashes: 2 }),
    violation: 'record 0 is in the table twice',
    length: 24,
  },
  skipsAllRows: {
    description: 'recovery skips all rows of the stream, including those before the committed position',
    bounds: replayable({ log: 'oo', ...kill }),
    violation: 'stops: more rows are durable than the log has records',
    length: 15,
  },
  renumbersInFlight: {
    description: 'a rejection does not wait for the appends in flight',
    bounds: replayable({ log: 'oboo', ...kill }),
    violation: 'record 2 is in the table twice',
    length: 16,
  },
  sendsBehindRejected: {
    description: 'records behind a rejected one are appended before its dead letter is committed',
    bounds: replayable({ log: 'bo', ...kill }),
    violation: 'record 0 is lost',
    length: 14,
  },
  deadLettersEarly: {
    description: 'a dead letter and the position behind it are committed before what lies before it is durable',
    bounds: replayable({ log: 'ob', ...kill }),
    violation: 'record 0 is lost',
    length: 15,
  },
  fallbackIgnoresPosition: {
    description: 'the fallback continues after the last row and ignores the committed position',
    bounds: replayable({ log: 'ob', ...expiry }),
    violation: 'record 1 is in the dead letters twice',
    length: 26,
  },
  fallbackCountsSourceOffsets: {
    description:
      'the fallback of a retry topic takes the last offset in the source log for that in the retry topic, which a replay may ' +
      'have filled in any order',
    bounds: replayable({ log: 'oo', ...expiry }),
    violation: 'record 1 is lost',
    length: 16,
  },
  reusesStreamUnchecked: {
    description: 'a process reuses its stream without comparing it with the committed one',
    bounds: replayable({ log: 'o', crashes: 1, reassignments: 2, lostAnswers: 0, reusesStream: true }),
    violation: 'record 0 is in the table twice',
    length: 27,
  },
  reusesStreamAfterErrors: {
    description: 'a process reuses its stream after a failed append to it',
    bounds: replayable({ log: 'o', ...kill, reassignments: 2, reusesStream: true }),
    violation: NO_END,
    length: 11,
  },
  fallbackWithoutWait: {
    description: 'the fallback queries the table while appends to the deleted stream may still land',
    bounds: replayable({ log: 'o', ...expiry, acceptedMayLandAfterExpiry: true }),
    violation: 'record 0 is in the table twice',
    length: 20,
  },
  believesNotFound: {
    description:
      'the fallback does not finalize the stream again after the wait, and BigQuery was wrong to not know it',
    bounds: replayable({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0, falseNotFounds: 1 }),
    violation: 'record 0 is in the table twice',
    length: 17,
  },
  readsBeforeFence: {
    description: 'the committed position is read before the previous owner is fenced',
    bounds: replayable({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'record 0 is in the table twice',
    length: 18,
  },
  perInstanceTransactionalIds: {
    description: 'each instance has its own transactional id, so no owner is fenced',
    bounds: replayable({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'record 0 is in the table twice',
    length: 16,
  },
  readsLogEndBeforeFinalize: {
    description: 'recovery compares the row count with a log end that was read before the stream was finalized',
    bounds: replayable({ log: 'oo', grows: 1, crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'stops: more rows are durable than the log has records',
    length: 12,
  },
  readsLogEndBeforeQuery: {
    description: 'the fallback compares the last row with a log end that was read before the query',
    bounds: replayable({ log: 'oo', grows: 1, crashes: 0, reassignments: 1, lostAnswers: 0, expiries: 1 }),
    violation: 'stops: the table has a row of offset 1, and the log ends at 1',
    length: 15,
  },
  acceptsLateAnswers: {
    description: 'a late answer to an earlier commit is taken for the answer to the current one',
    bounds: replayable({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 1, lateAnswers: 1 }),
    violation: 'record 0 is in the table twice',
    length: 22,
  },
  stopsAlthoughFenced: {
    description: 'recovery stops the partition although a new owner has fenced this one and caused the ambiguity',
    bounds: replayable({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'stops: nothing is committed, and the table has rows',
    length: 11,
  },
};

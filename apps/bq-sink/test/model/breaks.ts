import { NO_END } from '../../../../test/model-checking/explore';
import { type Bounds, bounds } from './bounds';
import type { BreakName } from './rules';

export interface Break {
  /** What is done otherwise. */
  readonly text: string;
  /** The smallest at which it shows. */
  readonly bounds: Bounds;
  readonly violation: string;
  /** Steps of the shortest trace. */
  readonly length: number;
}

const kill = { crashes: 1, reassignments: 0, lostAnswers: 0 };
const expiry = { ...kill, expiries: 1 };

/** As the code does it, so that the code can be led along the trace. */
const asCode = (different: Partial<Bounds>): Bounds => bounds({ regroups: false, ...different });

/** Deliberate faults. Each is one sentence of the protocol left out, and each must lose or double a record, or never end. */
export const BREAKS: Readonly<Record<BreakName, Break>> = {
  noFinalize: {
    text: 'recovery reads the row count without finalizing the stream',
    bounds: asCode({ log: 'o', ...kill }),
    violation: 'record 0 is in the table twice',
    length: 17,
  },
  commitBeforeAck: {
    text: 'the position is committed when the append is sent',
    bounds: asCode({ log: 'o', ...kill }),
    violation: 'stops and asks: 0 rows are fewer than the 1 committed',
    length: 13,
  },
  plainCommits: {
    text: 'positions are committed outside of transactions, and repeated across a rebalance',
    bounds: asCode({ log: 'ooo', maxBatch: 1, lostAnswers: 0 }),
    violation: 'record 1 is in the table twice',
    length: 27,
  },
  namedAtOldPosition: {
    text: 'a new stream is named at the old committed position',
    bounds: asCode({ log: 'oo', ...kill, crashes: 2 }),
    violation: 'record 0 is in the table twice',
    length: 24,
  },
  skipsAllRows: {
    text: 'recovery skips all rows of the stream, not those behind the committed ones',
    bounds: asCode({ log: 'oo', ...kill }),
    violation: 'stops and asks: more rows are durable than the log has records',
    length: 15,
  },
  renumbersInFlight: {
    text: 'a rejection does not wait for the appends in flight',
    bounds: asCode({ log: 'oboo', ...kill }),
    violation: 'record 2 is in the table twice',
    length: 16,
  },
  exclusionsLate: {
    text: 'the pruned batch is appended first; dead letters and exclusions come with the next commit',
    bounds: asCode({ log: 'obo', ...kill }),
    violation: 'record 2 is in the table twice',
    length: 22,
  },
  maxOnly: {
    text: 'the fallback goes on behind the last row, whatever is committed',
    bounds: asCode({ log: 'ob', ...expiry }),
    violation: 'record 1 is in the dead letters twice',
    length: 25,
  },
  recoveryDropsExclusions: {
    text: 'recovery commits no exclusions',
    bounds: asCode({ log: 'ob', ...kill }),
    violation: 'record 1 is in the dead letters twice',
    length: 21,
  },
  fallbackDropsExclusions: {
    text: 'the fallback forgets the exclusions',
    bounds: asCode({ log: 'ob', ...expiry }),
    violation: 'record 1 is in the dead letters twice',
    length: 23,
  },
  oneBatchExclusions: {
    text: 'exclusions cover only the batch rejected last, and the position waits for an acknowledgement',
    bounds: asCode({ log: 'bb', ...kill }),
    violation: 'record 0 is in the dead letters twice',
    length: 25,
  },
  steadyDropsExclusions: {
    text: 'a commit of the position forgets the exclusions',
    bounds: asCode({ log: 'oob', ...kill, crashes: 2, maxBatch: 3 }),
    violation: 'record 2 is in the dead letters twice',
    length: 32,
  },
  keepsBlindly: {
    text: 'goes on with its own stream without comparing it with the committed one',
    bounds: asCode({ log: 'o', crashes: 1, reassignments: 2, lostAnswers: 0, keepsStream: true }),
    violation: 'record 0 is in the table twice',
    length: 27,
  },
  keepsAfterErrors: {
    text: 'goes on with its own stream although an append to it failed',
    bounds: asCode({ log: 'o', ...kill, reassignments: 2, keepsStream: true }),
    violation: NO_END,
    length: 11,
  },
  maxCountsReplays: {
    text: 'the fallback counts replayed rows',
    bounds: asCode({ log: 'ob', ...expiry, replays: true }),
    violation: 'record 0 is lost',
    length: 18,
  },
  maxWithoutWait: {
    text: 'the fallback reads the table while appends to the vanished stream may still land',
    bounds: asCode({ log: 'o', ...expiry, acceptedMayLandAfterExpiry: true }),
    violation: 'record 0 is in the table twice',
    length: 19,
  },
  readsBeforeFence: {
    text: 'the committed position is read before the older owner is fenced',
    bounds: asCode({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'record 0 is in the table twice',
    length: 18,
  },
  endingDropsExclusions: {
    text: 'a position without a stream forgets the exclusions',
    bounds: asCode({ log: 'oob', ...kill, crashes: 2, maxBatch: 3, endings: 1 }),
    violation: 'record 2 is in the dead letters twice',
    length: 31,
  },
  perInstanceIds: {
    text: 'transactional ids are the instances’, so that nobody is fenced',
    bounds: asCode({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'record 0 is in the table twice',
    length: 16,
  },
  endBeforeFinalize: {
    text: 'recovery compares the row count with the end that the log had before the stream was finalized',
    bounds: asCode({ log: 'oo', grows: 1, crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'stops and asks: more rows are durable than the log has records',
    length: 12,
  },
  endBeforeMax: {
    text: 'the fallback compares the last row with the end that the log had before the table was read',
    bounds: asCode({ log: 'oo', grows: 1, crashes: 0, reassignments: 1, lostAnswers: 0, expiries: 1 }),
    violation: 'stops and asks: the table has a row of offset 1, and the log ends at 1',
    length: 14,
  },
  takesLateAnswers: {
    text: 'the answer to a commit that was given up counts for the one that is under way since',
    bounds: asCode({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 1, lateAnswers: 1 }),
    violation: 'record 0 is in the table twice',
    length: 22,
  },
  stopsThoughFenced: {
    text: 'what does not fit at an opening stops the partition, though a new owner has fenced this one and is the cause',
    bounds: asCode({ log: 'o', crashes: 0, reassignments: 1, lostAnswers: 0 }),
    violation: 'stops and asks: nothing is committed, and the table has rows',
    length: 11,
  },
};

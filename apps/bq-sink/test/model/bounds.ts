/** How far a model is explored: what the log holds, how many faults happen, and what servers and operators may do. */
export interface Bounds {
  /** As in Log. */
  readonly log: string;
  /** So many of its last entries are produced while the processes run, whenever it pleases the producers. */
  readonly grows: number;
  /** Records in an append at most. */
  readonly maxBatch: number;
  /** Appends in flight at once. */
  readonly inFlight: number;
  /** Kills. */
  readonly crashes: number;
  /** Times that the partition is given away although its owner lives. */
  readonly reassignments: number;
  /** Answers that never come, to an append or to a commit, although what was asked for is done. */
  readonly lostAnswers: number;
  /** So many of these answers to commits come nonetheless, when nobody waits for them any more. */
  readonly lateAnswers: number;
  /** Times that streams disappear. */
  readonly expiries: number;
  /** Times that a process commits a position without a stream: it drains, idles, or finds nothing to read. */
  readonly endings: number;
  /** Thrift: who opens again keeps its stream where it is known to be whole. */
  readonly keepsStream: boolean;
  /**
   * After a rejection, records that were sent already may go out in other batches, and a stream may end without them. The
   * code does neither: a trace without this is one that the code can follow.
   */
  readonly regroups: boolean;
  /** An operator replays dead letters: rows with the original coordinates. */
  readonly replays: boolean;
  /** A stream that was finalized before gives no row count. */
  readonly finalizeAnswersOnce: boolean;
  /** After a lost answer or an error of an append, it recovers without opening its producer again. */
  readonly recoversInPlace: boolean;
  /** An append under way when its stream disappears may still land. */
  readonly acceptedMayLandAfterExpiry: boolean;
}

const NORMAL: Bounds = {
  log: 'obo-o',
  grows: 0,
  maxBatch: 2,
  inFlight: 2,
  crashes: 1,
  reassignments: 1,
  lostAnswers: 1,
  lateAnswers: 0,
  expiries: 0,
  endings: 0,
  keepsStream: false,
  regroups: true,
  replays: false,
  finalizeAnswersOnce: false,
  recoversInPlace: false,
  acceptedMayLandAfterExpiry: false,
};

/** A rejected record, a gap of a marker, one kill, one re-assignment and one lost answer, but for what is said otherwise. */
export const bounds = (different: Partial<Bounds>): Bounds => ({ ...NORMAL, ...different });

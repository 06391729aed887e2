/** The size of an exploration: the log, the number of faults, and the optional behaviour of servers and operators. */
export interface Bounds {
  /** As in Log. */
  readonly log: string;
  /** This many entries at the end of the log are produced while the processes run. */
  readonly grows: number;
  /** Maximum number of records in an append. */
  readonly maxBatch: number;
  /** Maximum number of appends in flight. */
  readonly inFlight: number;
  /** Kills. */
  readonly crashes: number;
  /** Times that the partition is assigned to another process while its owner runs. */
  readonly reassignments: number;
  /** Appends and commits that take effect and whose answers are lost. */
  readonly lostAnswers: number;
  /** This many of the lost answers to commits arrive after the process has given up waiting. */
  readonly lateAnswers: number;
  /** Times that streams are deleted. */
  readonly expiries: number;
  /** Times that BigQuery answers that it does not know a stream which exists. It does so for less than the wait. */
  readonly falseNotFounds: number;
  /** Times that a process commits a position without a stream: it is drained or idle, or finds nothing to read. */
  readonly endings: number;
  /** A process that opens the partition again reuses its own stream if no append to it can be missing. */
  readonly reusesStream: boolean;
  /**
   * After a rejection, records that were sent before may go out in other batches, and a stream may end without them. The
   * code does neither, so a trace can be replayed with the code only if this is false.
   */
  readonly regroups: boolean;
  /** An operator replays dead letters: rows with the original coordinates. */
  readonly replays: boolean;
  /** Finalizing a stream again returns no row count. */
  readonly finalizeAnswersOnce: boolean;
  /** After a lost answer or an error of an append, a process recovers without opening its producer again. */
  readonly recoversInPlace: boolean;
  /** An append in flight when its stream is deleted may still land. */
  readonly acceptedMayLandAfterExpiry: boolean;
}

const DEFAULTS: Bounds = {
  log: 'obo-o',
  grows: 0,
  maxBatch: 2,
  inFlight: 2,
  crashes: 1,
  reassignments: 1,
  lostAnswers: 1,
  lateAnswers: 0,
  expiries: 0,
  falseNotFounds: 0,
  endings: 0,
  reusesStream: false,
  regroups: true,
  replays: false,
  finalizeAnswersOnce: false,
  recoversInPlace: false,
  acceptedMayLandAfterExpiry: false,
};

/** Defaults: a rejected record, a transaction marker, one kill, one reassignment and one lost answer. */
export const bounds = (overrides: Partial<Bounds>): Bounds => ({ ...DEFAULTS, ...overrides });

import type { Bounds } from './bounds';
import { listOf, NO_OFFSETS, type OffsetSet } from './log';

/** In place of a stream: every record before the position is settled, and no stream is open. */
export const NO_STREAM = -1;
/** In place of a process: no process waits for the answer. */
export const NO_PROCESS = -1;

/** A committed position (SinkPosition of the code). */
export interface Position {
  readonly offset: number;
  readonly stream: number;
  /** Rows of the stream before `offset`. */
  readonly rows: number;
}

export interface Stream {
  readonly rows: number;
  readonly status: 'open' | 'finalized' | 'gone';
}

export interface Append {
  readonly stream: number;
  /** Stream offset. */
  readonly at: number;
  readonly records: OffsetSet;
  /** Was in flight when the stream was deleted, and may still land. */
  readonly accepted: boolean;
}

/** An append from the view of its sender. `error`: answered with an error that a rejection before it explains. */
export interface InFlightAppend extends Append {
  readonly status: 'sent' | 'appended' | 'rejected' | 'error';
  /** Its rejected records. */
  readonly rejected: OffsetSet;
}

export type CommitReason = 'assigning' | 'steady' | 'rejection' | 'ending';

/** A transaction with all its writes, whose commit request is in flight. */
export interface Transaction {
  /** The process that waits for the answer, or NO_PROCESS. */
  readonly by: number;
  readonly reason: CommitReason;
  readonly position: Position;
  readonly dead: OffsetSet;
}

/** A process's view of its own stream. */
export interface OwnStream {
  readonly stream: number;
  /** Acknowledged rows: the stream offset of the position. */
  readonly rows: number;
  /** The position. */
  readonly offset: number;
}

interface Member {
  /** Its transactional producer was opened last. */
  readonly owner: boolean;
  /** The position that it read before it fenced; only in a broken protocol. */
  readonly readBeforeFence: { readonly committed: Position | undefined } | undefined;
}

interface Committing extends Member {
  /** The commit whose answer it waits for. */
  readonly awaits: CommitReason | undefined;
}

/** Not running, or not assigned. */
export interface Closed extends Member {
  readonly at: 'closed';
}
export interface Fenced extends Member {
  readonly at: 'fenced';
  readonly reusable: OwnStream | undefined;
}
export interface CommittedRead extends Member {
  readonly at: 'committed-read';
  readonly committed: Position | undefined;
  /** End of the log at that time; only a broken protocol uses it. */
  readonly earlyLogEnd: number;
}
/** Has finalized the committed stream: no process can append to it any more. */
export interface Finalized extends Member {
  readonly at: 'finalized';
  readonly committed: Position;
  /** Rows of the stream. */
  readonly rows: number;
}
/**
 * `not-found`: BigQuery has answered that it does not know the stream. `uncounted`: it has answered so again after the wait,
 * or the stream was finalized before and returns no count.
 */
export interface Uncounted extends Member {
  readonly at: 'not-found' | 'uncounted';
  readonly committed: Position;
  /** As in CommittedRead. */
  readonly earlyLogEnd: number;
}
/** Has queried the table instead. */
export interface MaxRead extends Member {
  readonly at: 'max-read';
  readonly committed: Position | undefined;
  /** Highest offset; -1 if there is none. */
  readonly last: number;
}
/** Knows the durable rows, and has no stream. */
export interface Ready extends Committing {
  readonly at: 'ready';
  readonly offset: number;
  /** The last committed offset that it knows. */
  readonly committedOffset: number;
}
export interface Assigning extends Committing, OwnStream {
  readonly at: 'assigning';
}
/** With a rejected append in flight or dead letters being committed, this is the state `rejecting` of the code. */
export interface Running extends Committing, OwnStream {
  readonly at: 'running';
  readonly committedOffset: number;
  /** First offset not sent. */
  readonly next: number;
  /** Stream offset of the next append. */
  readonly sendAt: number;
  readonly inFlight: readonly InFlightAppend[];
  /** Records that BigQuery has rejected, and whose dead letters are not committed. */
  readonly rejected: OffsetSet;
  /** Batches that are sent again unchanged after a rejection. Empty if they may be regrouped. */
  readonly resend: readonly OffsetSet[];
  /** First offset not taken from the log. 0 if a stream may end before all records taken are settled. */
  readonly taken: number;
}
/** Has finalized its own stream, in which every record is settled. */
export interface Ending extends Committing, OwnStream {
  readonly at: 'ending';
}
/** Does nothing more except receive the answer to its commit, until it opens the partition again. */
export interface Failed extends Member {
  readonly at: 'failed';
  readonly awaits: CommitReason | 'unknown' | undefined;
  /** The stream that it may reuse; only in a broken protocol after an error. */
  readonly reusable: OwnStream | undefined;
}

export type Process =
  Closed | Fenced | CommittedRead | Finalized | Uncounted | MaxRead | Ready | Assigning | Running | Ending | Failed;

/** The number of faults that may still happen. */
export type Budget = Pick<
  Bounds,
  'crashes' | 'reassignments' | 'lostAnswers' | 'lateAnswers' | 'expiries' | 'falseNotFounds' | 'endings'
>;

export interface State {
  /** End of the log. */
  readonly end: number;
  readonly streams: readonly Stream[];
  /** Records with a row from a stream. */
  readonly table: OffsetSet;
  /** Records with a row from the replay of a dead letter. */
  readonly replayed: OffsetSet;
  readonly dead: OffsetSet;
  readonly committed: Position | undefined;
  readonly transaction: Transaction | undefined;
  /** Appends in flight whose sender no longer waits for the answer. */
  readonly orphaned: readonly Append[];
  /** Commits outside of transactions that are in flight; only in a broken protocol. */
  readonly nonTransactionalCommits: readonly Position[];
  /** By process: late answers to commits that it has given up. */
  readonly lateAnswers: readonly [number, number];
  readonly processes: readonly [Process, Process];
  readonly budget: Budget;
}

export const CLOSED: Closed = { at: 'closed', owner: false, readBeforeFence: undefined };

export function initialState(bounds: Bounds): State {
  const { log, grows, crashes, reassignments, lostAnswers, lateAnswers, expiries, falseNotFounds, endings } = bounds;
  return {
    end: log.length - grows,
    streams: [],
    table: NO_OFFSETS,
    replayed: NO_OFFSETS,
    dead: NO_OFFSETS,
    committed: undefined,
    transaction: undefined,
    orphaned: [],
    nonTransactionalCommits: [],
    lateAnswers: [0, 0],
    processes: [CLOSED, CLOSED],
    budget: { crashes, reassignments, lostAnswers, lateAnswers, expiries, falseNotFounds, endings },
  };
}

export function ready(owner: boolean, offset: number, committedOffset: number): Ready {
  return { at: 'ready', owner, readBeforeFence: undefined, awaits: undefined, offset, committedOffset };
}

/** Continues with a stream after the commit of `committedOffset`. */
export function running(owner: boolean, own: OwnStream, committedOffset: number, taken = 0): Running {
  const { stream, rows, offset } = own;
  return {
    at: 'running',
    owner,
    readBeforeFence: undefined,
    awaits: undefined,
    stream,
    rows,
    offset,
    committedOffset,
    next: offset,
    sendAt: rows,
    inFlight: [],
    rejected: NO_OFFSETS,
    resend: [],
    taken,
  };
}

export function withProcess(state: State, i: number, process: Process): State {
  const [first, second] = state.processes;
  return { ...state, processes: i === 0 ? [process, second] : [first, process] };
}

export function withLateAnswers(state: State, i: number, count: number): State {
  const [first, second] = state.lateAnswers;
  return { ...state, lateAnswers: i === 0 ? [count, second] : [first, count] };
}

export function withStream(state: State, s: number, stream: Stream): State {
  return { ...state, streams: state.streams.map((each, index) => (index === s ? stream : each)) };
}

export const streamOf = (state: State, s: number): Stream => state.streams[s] as Stream;

export const spend = (state: State, fault: keyof Budget): State => {
  return { ...state, budget: { ...state.budget, [fault]: state.budget[fault] - 1 } };
};

export function formatPosition(position: Position | undefined): string {
  if (position === undefined) return 'nothing';
  const { offset, stream, rows } = position;
  const streamText = stream === NO_STREAM ? 'no stream' : `s${String(stream)} at ${String(rows)}`;
  return `{${String(offset)}, ${streamText}}`;
}

export const formatOffsets = (set: OffsetSet): string => `[${listOf(set).join(' ')}]`;

import type { Bounds } from './bounds';
import { listOf, NO_OFFSETS, type OffsetSet } from './log';

/** In place of a stream: everything before the position is settled, and no stream continues there. */
export const NO_STREAM = -1;
/** In place of a process: it listens no more. */
export const NOBODY = -1;

/** As it is committed (SinkPosition of the code). */
export interface Position {
  readonly offset: number;
  readonly stream: number;
  /** Rows of the stream before `offset`. */
  readonly rows: number;
  readonly exclusions: OffsetSet;
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
  /** Was under way when the stream vanished, and may still land. */
  readonly accepted: boolean;
}

/** An append as its sender knows it. `error`: answered with an error that a rejection before it explains. */
export interface Flight extends Append {
  readonly status: 'sent' | 'appended' | 'rejected' | 'error';
  readonly rejected: OffsetSet;
}

export type CommitReason = 'naming' | 'steady' | 'rejection' | 'ending';

/** A transaction with all its writes, whose commit is on its way. */
export interface Transaction {
  /** The process that waits for the outcome, or NOBODY. */
  readonly by: number;
  readonly reason: CommitReason;
  readonly position: Position;
  readonly dead: OffsetSet;
}

/** What a process knows of a stream of its own. */
export interface OwnStream {
  readonly stream: number;
  /** Rows acknowledged: the stream offset of the position. */
  readonly rows: number;
  /** The position. */
  readonly offset: number;
  readonly exclusions: OffsetSet;
}

interface Member {
  /** Its transactional producer is the one opened last. */
  readonly owner: boolean;
  /** What it read before it fenced, which only a broken protocol does. */
  readonly early: { readonly committed: Position | undefined } | undefined;
}

interface Waiting extends Member {
  /** The commit that it waits for. */
  readonly awaits: CommitReason | undefined;
}

/** Not running, or running without the partition. */
export interface Closed extends Member {
  readonly at: 'closed';
}
export interface Fenced extends Member {
  readonly at: 'fenced';
  readonly kept: OwnStream | undefined;
}
export interface CommittedRead extends Member {
  readonly at: 'committed-read';
  readonly committed: Position | undefined;
  /** The log's end as it was then, which only a broken protocol goes by. */
  readonly earlyEnd: number;
}
/** Has ended the stream that was committed: nobody can add a row to it any more. */
export interface Finalized extends Member {
  readonly at: 'finalized';
  readonly committed: Position;
  /** Of the stream. */
  readonly rows: number;
}
/** The stream is gone, or finalized before and gives no count. */
export interface Uncounted extends Member {
  readonly at: 'uncounted';
  readonly committed: Position;
  /** As of CommittedRead. */
  readonly earlyEnd: number;
}
/** Knows what the table has instead. */
export interface MaxRead extends Member {
  readonly at: 'max-read';
  readonly committed: Position | undefined;
  /** Highest offset at the position or behind it, without the exclusions; -1: there is none. */
  readonly last: number;
}
/** Knows what is durable, and has no stream. */
export interface Ready extends Waiting {
  readonly at: 'ready';
  readonly offset: number;
  readonly exclusions: OffsetSet;
  /** Committed offset, as far as it knows. */
  readonly saved: number;
}
export interface Naming extends Waiting, OwnStream {
  readonly at: 'naming';
}
/** With a rejected append in flight, or a rejection's commit under way, it is what the code calls rejecting. */
export interface Running extends Waiting, OwnStream {
  readonly at: 'running';
  readonly saved: number;
  /** First offset not sent yet. */
  readonly next: number;
  /** Stream offset of the next append. */
  readonly sendAt: number;
  readonly flights: readonly Flight[];
  /** Batches that a rejection put back: first to go out again, as they are. Empty where they may be regrouped. */
  readonly again: readonly OffsetSet[];
  /** First offset not taken from the log, where a stream only ends when all that was taken is settled; 0 otherwise. */
  readonly taken: number;
  /** Rejected, excluded, and not committed, which only a broken protocol does. */
  readonly unsaid: OffsetSet;
}
/** Has finalized its own stream, with all of it settled. */
export interface Ending extends Waiting, OwnStream {
  readonly at: 'ending';
}
/** Does nothing more but hear of its commit; only opening again helps. */
export interface Failed extends Member {
  readonly at: 'failed';
  readonly awaits: CommitReason | 'unknown' | undefined;
  /** Goes on with it, which only a broken protocol does. */
  readonly kept: OwnStream | undefined;
}

export type Process =
  Closed | Fenced | CommittedRead | Finalized | Uncounted | MaxRead | Ready | Naming | Running | Ending | Failed;

/** Faults that may still happen. */
export type Budget = Pick<Bounds, 'crashes' | 'reassignments' | 'lostAnswers' | 'lateAnswers' | 'expiries' | 'endings'>;

export interface State {
  /** Of the log. */
  readonly end: number;
  readonly streams: readonly Stream[];
  /** Records with a row that came by the stream. */
  readonly table: OffsetSet;
  /** Records with a row that came by the replay of a dead letter. */
  readonly replayed: OffsetSet;
  readonly dead: OffsetSet;
  readonly committed: Position | undefined;
  readonly transaction: Transaction | undefined;
  /** Appends under way whose sender listens no more. */
  readonly late: readonly Append[];
  /** Commits outside of transactions that are under way, which only a broken protocol has. */
  readonly plainCommits: readonly Position[];
  /** By process, answers on their way to commits that it has given up. */
  readonly lateAnswers: readonly [number, number];
  readonly processes: readonly [Process, Process];
  readonly left: Budget;
}

export const CLOSED: Closed = { at: 'closed', owner: false, early: undefined };

export function initialState(bounds: Bounds): State {
  const { log, grows, crashes, reassignments, lostAnswers, lateAnswers, expiries, endings } = bounds;
  return {
    end: log.length - grows,
    streams: [],
    table: NO_OFFSETS,
    replayed: NO_OFFSETS,
    dead: NO_OFFSETS,
    committed: undefined,
    transaction: undefined,
    late: [],
    plainCommits: [],
    lateAnswers: [0, 0],
    processes: [CLOSED, CLOSED],
    left: { crashes, reassignments, lostAnswers, lateAnswers, expiries, endings },
  };
}

export function ready(owner: boolean, offset: number, exclusions: number, saved: number): Ready {
  return { at: 'ready', owner, early: undefined, awaits: undefined, offset, exclusions, saved };
}

/** Goes on with a stream; what is committed is `saved`. */
export function running(owner: boolean, own: OwnStream, saved: number, taken = 0): Running {
  const { stream, rows, offset, exclusions } = own;
  return {
    at: 'running',
    owner,
    early: undefined,
    awaits: undefined,
    stream,
    rows,
    offset,
    exclusions,
    saved,
    next: offset,
    sendAt: rows,
    flights: [],
    again: [],
    taken,
    unsaid: NO_OFFSETS,
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
  return { ...state, left: { ...state.left, [fault]: state.left[fault] - 1 } };
};

export function formatPosition(position: Position | undefined): string {
  if (position === undefined) return 'nothing';
  const { offset, stream, rows, exclusions } = position;
  const where = stream === NO_STREAM ? 'no stream' : `s${String(stream)} at ${String(rows)}`;
  return `{${String(offset)}, ${where}, excluded ${formatOffsets(exclusions)}}`;
}

export const formatOffsets = (set: OffsetSet): string => `[${listOf(set).join(' ')}]`;

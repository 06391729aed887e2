import { ProtocolViolation } from '../../../../test/model-checking/model';
import { firstOf, lastOf, type Log, type OffsetSet, countOf } from './log';
import {
  type Append,
  type InFlightAppend,
  type Position,
  type Process,
  type State,
  streamOf,
  withStream,
} from './state';

export type Answer = 'appended' | 'rejected' | 'error';

/** The possible answers of BigQuery to an append. `appended` means that its rows land. */
export function answersTo(state: State, append: Append, log: Log): readonly Answer[] {
  const { rows, status } = streamOf(state, append.stream);
  const isRejectable = (append.records & log.rejectable) !== 0;
  const mustReject = (append.records & log.rejected) !== 0;
  if (status === 'gone') {
    return append.accepted && rows === append.at && !mustReject ? ['appended', 'error'] : ['error'];
  }
  if (status === 'finalized') return ['error'];
  // ALREADY_EXISTS or OUT_OF_RANGE, or a rejection if BigQuery checks the rows before the offset.
  if (rows !== append.at) return isRejectable ? ['error', 'rejected'] : ['error'];
  if (mustReject) return ['rejected'];
  return isRejectable ? ['rejected', 'appended'] : ['appended'];
}

/** The rows of an append become durable. */
export function land(state: State, { stream, records }: Append): State {
  const { table, dead } = state;
  if ((table & records) !== 0) throw violation(table & records, 'is in the table twice');
  if ((dead & records) !== 0) throw violation(dead & records, 'is in the table and in the dead letters');
  if (lastOf(table) > firstOf(records)) throw violation(records, 'is in the table after a later one');
  const { rows, status } = streamOf(state, stream);
  return { ...withStream(state, stream, { rows: rows + countOf(records), status }), table: table | records };
}

/** A commit takes effect: the position and the dead letters. */
export function applyCommit(state: State, position: Position, dead: OffsetSet): State {
  if ((state.dead & dead) !== 0) throw violation(state.dead & dead, 'is in the dead letters twice');
  if ((state.table & dead) !== 0) throw violation(state.table & dead, 'is in the dead letters and in the table');
  return { ...state, dead: state.dead | dead, committed: position };
}

/** Streams are deleted. Appends in flight to them may still land if `mayLand`. */
export function expireStreams(state: State, which: (stream: number) => boolean, mayLand: boolean): State {
  const accept = <A extends Append>(append: A): A => {
    const accepted = mayLand && which(append.stream) && streamOf(state, append.stream).status === 'open';
    return accepted ? { ...append, accepted: true } : append;
  };
  const acceptSent = (append: InFlightAppend): InFlightAppend => (append.status === 'sent' ? accept(append) : append);
  const inProcess = (process: Process): Process =>
    process.at === 'running' ? { ...process, inFlight: process.inFlight.map(acceptSent) } : process;
  const [first, second] = state.processes;
  return {
    ...state,
    streams: state.streams.map((stream, s) => (which(s) ? { ...stream, status: 'gone' } : stream)),
    orphaned: state.orphaned.map(accept),
    processes: [inProcess(first), inProcess(second)],
  };
}

/** Whether an append to a stream that is gone may still land. */
export function mayStillLand({ orphaned, processes }: State): boolean {
  const accepted = (append: Append): boolean => append.accepted;
  return (
    orphaned.some(accepted) ||
    processes.some((p) => p.at === 'running' && p.inFlight.some((each) => each.status === 'sent' && accepted(each)))
  );
}

const violation = (records: OffsetSet, what: string): ProtocolViolation =>
  new ProtocolViolation(`record ${String(firstOf(records))} ${what}`);

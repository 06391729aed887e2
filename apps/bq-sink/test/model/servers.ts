import { ProtocolViolation } from '../../../../test/model-checking/model';
import { firstOf, lastOf, type Log, type OffsetSet, countOf } from './log';
import { type Append, type Flight, type Position, type Process, type State, streamOf, withStream } from './state';

export type Answer = 'appended' | 'rejected' | 'error';

/** What BigQuery may answer to an append; `appended` lands its rows. Appends are looked at in any order. */
export function answersTo(state: State, append: Append, log: Log): readonly Answer[] {
  const { rows, status } = streamOf(state, append.stream);
  const isRejectable = (append.records & log.rejectable) !== 0;
  const mustReject = (append.records & log.rejected) !== 0;
  if (status === 'gone') {
    return append.accepted && rows === append.at && !mustReject ? ['appended', 'error'] : ['error'];
  }
  if (status === 'finalized') return ['error'];
  // ALREADY_EXISTS or OUT_OF_RANGE; or the rows are looked at before the offset.
  if (rows !== append.at) return isRejectable ? ['error', 'rejected'] : ['error'];
  if (mustReject) return ['rejected'];
  return isRejectable ? ['rejected', 'appended'] : ['appended'];
}

/** The rows of an append are durable. */
export function land(state: State, { stream, records }: Append): State {
  const { table, dead } = state;
  if ((table & records) !== 0) throw violation(table & records, 'is in the table twice');
  if ((dead & records) !== 0) throw violation(dead & records, 'is in the table and in the dead letters');
  if (lastOf(table) > firstOf(records)) throw violation(records, 'is in the table behind a later one');
  const { rows, status } = streamOf(state, stream);
  return { ...withStream(state, stream, { rows: rows + countOf(records), status }), table: table | records };
}

/** A commit takes effect: the position, and dead letters with it. */
export function applyCommit(state: State, position: Position, dead: OffsetSet): State {
  if ((state.dead & dead) !== 0) throw violation(state.dead & dead, 'is in the dead letters twice');
  if ((state.table & dead) !== 0) throw violation(state.table & dead, 'is in the dead letters and in the table');
  return { ...state, dead: state.dead | dead, committed: position };
}

/** Streams disappear, with or without what is under way to them. */
export function vanish(state: State, which: (stream: number) => boolean, mayLand: boolean): State {
  const accept = <A extends Append>(append: A): A => {
    const accepted = mayLand && which(append.stream) && streamOf(state, append.stream).status === 'open';
    return accepted ? { ...append, accepted: true } : append;
  };
  const acceptSent = (flight: Flight): Flight => (flight.status === 'sent' ? accept(flight) : flight);
  const inProcess = (process: Process): Process =>
    process.at === 'running' ? { ...process, flights: process.flights.map(acceptSent) } : process;
  const [first, second] = state.processes;
  return {
    ...state,
    streams: state.streams.map((stream, s) => (which(s) ? { ...stream, status: 'gone' } : stream)),
    late: state.late.map(accept),
    processes: [inProcess(first), inProcess(second)],
  };
}

/** Whether an append to a stream that is gone may still land. */
export function mayStillLand({ late, processes }: State): boolean {
  const accepted = (append: Append): boolean => append.accepted;
  return (
    late.some(accepted) ||
    processes.some((p) => p.at === 'running' && p.flights.some((each) => each.status === 'sent' && accepted(each)))
  );
}

const violation = (records: OffsetSet, what: string): ProtocolViolation =>
  new ProtocolViolation(`record ${String(firstOf(records))} ${what}`);

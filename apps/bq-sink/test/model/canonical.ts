import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import {
  type Append,
  NO_STREAM,
  NOBODY,
  type OwnStream,
  type Position,
  type Process,
  type State,
  streamOf,
} from './state';

const STATUS = { open: 0, finalized: 1, gone: 2, sent: 3, appended: 4, rejected: 5, error: 6 } as const;
const REASON = { naming: 1, steady: 2, rejection: 3, ending: 4, unknown: 5 } as const;
const AT = {
  closed: 0,
  fenced: 1,
  'committed-read': 2,
  uncounted: 3,
  ready: 4,
  naming: 5,
  running: 6,
  ending: 7,
  failed: 8,
  finalized: 9,
  'max-read': 10,
} as const;

/** Names streams in the order of their first mention; those that nobody mentions make no difference. */
class StreamNames {
  private readonly names = new Int8Array(64);
  private readonly mentioned: number[] = [];

  reset(): void {
    this.names.fill(-1);
    this.mentioned.length = 0;
  }

  nameOf(stream: number): number {
    if (stream === NO_STREAM) return 63;
    if (this.names[stream] === -1) this.names[stream] = this.mentioned.push(stream) - 1;
    return this.names[stream] as number;
  }

  get all(): readonly number[] {
    return this.mentioned;
  }
}

const names = new StreamNames();

/** Writes the state; `swapped` with its two processes interchanged. */
export function encodeState(state: State, swapped: boolean, out: Fingerprint): void {
  const { transaction, left } = state;
  const [first, second] = state.processes;
  names.reset();
  out.add(state.end);
  encodePosition(state.committed, out);
  if (transaction === undefined) out.add(9);
  else {
    out.add(swapped && transaction.by !== NOBODY ? 1 - transaction.by : transaction.by);
    out.add(REASON[transaction.reason]);
    out.add(transaction.dead);
    encodePosition(transaction.position, out);
  }
  encodeProcess(swapped ? second : first, out);
  encodeProcess(swapped ? first : second, out);
  out.add(state.late.length);
  for (const append of state.late) encodeAppend(append, out);
  out.add(state.plainCommits.length);
  for (const position of state.plainCommits) encodePosition(position, out);
  const [toFirst, toSecond] = state.lateAnswers;
  out.add(swapped ? toSecond | (toFirst << 4) : toFirst | (toSecond << 4));
  out.add(state.table);
  out.add(state.replayed);
  out.add(state.dead);
  out.add(
    left.crashes |
      (left.reassignments << 4) |
      (left.lostAnswers << 8) |
      (left.expiries << 12) |
      (left.endings << 16) |
      (left.lateAnswers << 20),
  );
  for (const stream of names.all) {
    const { rows, status } = streamOf(state, stream);
    out.add(rows);
    out.add(STATUS[status]);
  }
}

function encodePosition(position: Position | undefined, out: Fingerprint): void {
  if (position === undefined) {
    out.add(62);
    return;
  }
  out.add(position.offset);
  out.add(names.nameOf(position.stream));
  out.add(position.rows);
  out.add(position.exclusions);
}

function encodeAppend(append: Append, out: Fingerprint): void {
  out.add(names.nameOf(append.stream));
  out.add(append.at);
  out.add(append.records);
  out.flag(append.accepted);
}

function encodeProcess(process: Process, out: Fingerprint): void {
  out.add(AT[process.at] | (process.owner ? 16 : 0) | (process.early === undefined ? 0 : 32));
  if (process.early !== undefined) encodePosition(process.early.committed, out);
  switch (process.at) {
    case 'closed':
      break;
    case 'fenced':
      encodeOwn(process.kept, out);
      break;
    case 'committed-read':
    case 'uncounted':
      encodePosition(process.committed, out);
      out.add(process.earlyEnd);
      break;
    case 'finalized':
      encodePosition(process.committed, out);
      out.add(process.rows);
      break;
    case 'max-read':
      encodePosition(process.committed, out);
      out.add(process.last);
      break;
    case 'ready':
      out.add(process.offset);
      out.add(process.exclusions);
      out.add(process.saved);
      encodeAwaits(process.awaits, out);
      break;
    case 'naming':
    case 'ending':
      encodeOwn(process, out);
      encodeAwaits(process.awaits, out);
      break;
    case 'running':
      encodeOwn(process, out);
      encodeAwaits(process.awaits, out);
      out.add(process.saved);
      out.add(process.next);
      out.add(process.sendAt);
      out.add(process.unsaid);
      out.add(process.taken);
      out.add(process.again.length);
      for (const records of process.again) out.add(records);
      out.add(process.flights.length);
      for (const flight of process.flights) {
        encodeAppend(flight, out);
        out.add(STATUS[flight.status]);
        out.add(flight.rejected);
      }
      break;
    case 'failed':
      encodeOwn(process.kept, out);
      encodeAwaits(process.awaits, out);
  }
}

function encodeAwaits(awaits: keyof typeof REASON | undefined, out: Fingerprint): void {
  out.add(awaits === undefined ? 0 : REASON[awaits]);
}

function encodeOwn(own: OwnStream | undefined, out: Fingerprint): void {
  if (own === undefined) {
    out.add(62);
    return;
  }
  out.add(names.nameOf(own.stream));
  out.add(own.rows);
  out.add(own.offset);
  out.add(own.exclusions);
}

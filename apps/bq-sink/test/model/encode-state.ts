import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import {
  type Append,
  NO_STREAM,
  NO_PROCESS,
  type OwnStream,
  type Position,
  type Process,
  type State,
  streamOf,
} from './state';

const STATUS = { open: 0, finalized: 1, gone: 2, sent: 3, appended: 4, rejected: 5, error: 6 } as const;
const REASON = { assigning: 1, steady: 2, rejection: 3, ending: 4, unknown: 5 } as const;
const AT = {
  closed: 0,
  fenced: 1,
  'committed-read': 2,
  uncounted: 3,
  ready: 4,
  assigning: 5,
  running: 6,
  ending: 7,
  failed: 8,
  finalized: 9,
  'max-read': 10,
  'not-found': 11,
} as const;

/** Numbers streams in the order of their first use in a state. An unused stream does not affect the fingerprint. */
class StreamNumbers {
  private readonly numbers = new Int8Array(64);
  private readonly used: number[] = [];

  reset(): void {
    this.numbers.fill(-1);
    this.used.length = 0;
  }

  numberOf(stream: number): number {
    if (stream === NO_STREAM) return 63;
    if (this.numbers[stream] === -1) this.numbers[stream] = this.used.push(stream) - 1;
    return this.numbers[stream] as number;
  }

  get all(): readonly number[] {
    return this.used;
  }
}

const streamNumbers = new StreamNumbers();

/** Writes the state to the fingerprint; with its two processes swapped if `swapped`. */
export function encodeState(state: State, swapped: boolean, out: Fingerprint): void {
  const { transaction, budget } = state;
  const [first, second] = state.processes;
  streamNumbers.reset();
  out.add(state.end);
  encodePosition(state.committed, out);
  if (transaction === undefined) out.add(9);
  else {
    out.add(swapped && transaction.by !== NO_PROCESS ? 1 - transaction.by : transaction.by);
    out.add(REASON[transaction.reason]);
    out.add(transaction.dead);
    encodePosition(transaction.position, out);
  }
  encodeProcess(swapped ? second : first, out);
  encodeProcess(swapped ? first : second, out);
  out.add(state.orphaned.length);
  for (const append of state.orphaned) encodeAppend(append, out);
  out.add(state.nonTransactionalCommits.length);
  for (const position of state.nonTransactionalCommits) encodePosition(position, out);
  const [toFirst, toSecond] = state.lateAnswers;
  out.add(swapped ? toSecond | (toFirst << 4) : toFirst | (toSecond << 4));
  out.add(state.table);
  out.add(state.replayed);
  out.add(state.dead);
  out.add(
    budget.crashes |
      (budget.reassignments << 4) |
      (budget.lostAnswers << 8) |
      (budget.expiries << 12) |
      (budget.endings << 16) |
      (budget.lateAnswers << 20) |
      (budget.falseNotFounds << 24),
  );
  for (const stream of streamNumbers.all) {
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
  out.add(streamNumbers.numberOf(position.stream));
  out.add(position.rows);
}

function encodeAppend(append: Append, out: Fingerprint): void {
  out.add(streamNumbers.numberOf(append.stream));
  out.add(append.at);
  out.add(append.records);
  out.flag(append.accepted);
}

function encodeProcess(process: Process, out: Fingerprint): void {
  out.add(AT[process.at] | (process.owner ? 16 : 0) | (process.readBeforeFence === undefined ? 0 : 32));
  if (process.readBeforeFence !== undefined) encodePosition(process.readBeforeFence.committed, out);
  switch (process.at) {
    case 'closed':
      break;
    case 'fenced':
      encodeOwn(process.reusable, out);
      break;
    case 'committed-read':
    case 'not-found':
    case 'uncounted':
      encodePosition(process.committed, out);
      out.add(process.earlyLogEnd);
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
      out.add(process.committedOffset);
      encodeAwaits(process.awaits, out);
      break;
    case 'assigning':
    case 'ending':
      encodeOwn(process, out);
      encodeAwaits(process.awaits, out);
      break;
    case 'running':
      encodeOwn(process, out);
      encodeAwaits(process.awaits, out);
      out.add(process.committedOffset);
      out.add(process.next);
      out.add(process.sendAt);
      out.add(process.rejected);
      out.add(process.taken);
      out.add(process.resend.length);
      for (const records of process.resend) out.add(records);
      out.add(process.inFlight.length);
      for (const append of process.inFlight) {
        encodeAppend(append, out);
        out.add(STATUS[append.status]);
        out.add(append.rejected);
      }
      break;
    case 'failed':
      encodeOwn(process.reusable, out);
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
  out.add(streamNumbers.numberOf(own.stream));
  out.add(own.rows);
  out.add(own.offset);
}

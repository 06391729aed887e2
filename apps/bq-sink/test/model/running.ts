import { commitSteps, prune } from './commits';
import { countOf, from, lastOf, laterOf, NO_OFFSETS, type OffsetSet, only } from './log';
import { fail } from './membership';
import { nameOf, type Rules, type SinkSteps, type Turn } from './rules';
import { type Answer, answersTo, land } from './servers';
import {
  type Append,
  type Ending,
  type Flight,
  formatOffsets,
  NO_STREAM,
  type OwnStream,
  type Position,
  type Running,
  spend,
  type State,
  streamOf,
  withProcess,
  withStream,
} from './state';

/** Appends, commits of the position, rejections, and the stream's end. */
export function runningSteps(turn: Turn<Running>): void {
  sendSteps(turn);
  if (turn.process.awaits !== undefined) return;
  steadySteps(turn);
  rejectionSteps(turn);
  endSteps(turn);
}

/** Sends the next records, as many as it likes; nothing behind a rejected row. */
function sendSteps({ rules, state, i, process, steps }: Turn<Running>): void {
  const { log, bounds } = rules;
  const { flights, sendAt, stream } = process;
  const isRejecting =
    process.awaits === 'rejection' || flights.some(({ status }) => status === 'rejected' || status === 'error');
  if (isRejecting || flights.length >= bounds.inFlight) return;
  for (const batch of batchesFrom(rules, process)) {
    const rejected = batch & log.unencodable;
    const flight: Flight = {
      stream,
      at: sendAt,
      records: batch,
      accepted: false,
      status: rejected === NO_OFFSETS ? 'sent' : 'rejected',
      rejected,
    };
    const told = (): string =>
      rejected === NO_OFFSETS
        ? `${formatOffsets(batch)} to s${String(stream)} at ${String(sendAt)}`
        : `${formatOffsets(rejected)} of ${formatOffsets(batch)} by the encoder`;
    steps.add(nameOf(i), rejected === NO_OFFSETS ? 'append-sent' : 'rejected', told, () => {
      const end = lastOf(batch) + 1;
      return withProcess(state, i, {
        ...process,
        sendAt: sendAt + countOf(batch),
        next: end,
        flights: [...flights, flight],
        again: process.again.slice(1),
        taken: bounds.regroups ? 0 : laterOf(process.taken, end),
      });
    });
  }
}

/** What may go out next: the batch that was put back, or the next records, as many as fit. */
function batchesFrom({ log, bounds }: Rules, { again, next, exclusions }: Running): readonly OffsetSet[] {
  const [first] = again;
  if (first !== undefined) return [first];
  const batches: OffsetSet[] = [];
  let records: OffsetSet = NO_OFFSETS;
  let offset = log.passOver(next, exclusions);
  while (batches.length < bounds.maxBatch && offset < log.end) {
    records |= only(offset);
    batches.push(records);
    offset = log.passOver(offset + 1, exclusions);
  }
  return batches;
}

function steadySteps(turn: Turn<Running>): void {
  const { rules, state, i, process, steps } = turn;
  const position = steadyPosition(rules, process);
  if (position.offset <= process.saved) return;
  if (rules.broken === 'plainCommits') {
    steps.add(
      nameOf(i),
      'commit-begun',
      () => 'outside of a transaction',
      () => {
        const saved = withProcess(state, i, { ...process, saved: position.offset });
        return { ...saved, plainCommits: [...state.plainCommits, position] };
      },
    );
  } else commitSteps(turn, 'steady', position, process.unsaid);
}

function steadyPosition({ broken }: Rules, process: Running): Position {
  const { stream, rows, offset, exclusions } = process;
  switch (broken) {
    case 'commitBeforeAck':
      return { offset: process.next, stream, rows: process.sendAt, exclusions: NO_OFFSETS };
    case 'steadyDropsExclusions':
      return { offset, stream, rows, exclusions: NO_OFFSETS };
    default:
      return { offset, stream, rows, exclusions: from(exclusions, offset) };
  }
}

/** Everything before the rejected append is acknowledged, everything behind it is answered: dead letters and exclusions in one commit. */
function rejectionSteps(turn: Turn<Running>): void {
  const { rules, state, i, process, steps } = turn;
  const { broken, log } = rules;
  const [first, ...behind] = process.flights;
  if (first?.status !== 'rejected') return;
  if (broken !== 'renumbersInFlight' && behind.some(({ status }) => status === 'sent')) return;
  const exclusions = process.exclusions | first.rejected;
  const offset = broken === 'oneBatchExclusions' ? process.offset : log.passOver(process.offset, exclusions);
  if (broken === 'exclusionsLate') {
    steps.add(
      nameOf(i),
      'pruned',
      () => `${formatOffsets(first.rejected)}, not committed yet`,
      () => {
        return withProcess(state, i, { ...prune(rules, process, offset), unsaid: process.unsaid | first.rejected });
      },
    );
    return;
  }
  const told = broken === 'oneBatchExclusions' ? first.rejected : exclusions;
  const { stream, rows } = process;
  commitSteps(turn, 'rejection', { offset, stream, rows, exclusions: from(told, offset) }, first.rejected);
}

/** Drained or idle, with all that was sent settled: it ends its stream, and commits that. */
function endSteps({ rules, state, i, process, steps }: Turn<Running>): void {
  if (state.left.endings === 0 || process.flights.length > 0 || process.offset < process.taken) return;
  const { stream, rows, offset, exclusions, owner } = process;
  const { status, rows: found } = streamOf(state, stream);
  steps.add(
    nameOf(i),
    'stream-ended',
    () => `s${String(stream)}: ${status === 'gone' ? 'gone' : `${String(found)} rows`}`,
    () => {
      const spent = spend(state, 'endings');
      const isUncounted = status === 'gone' || (status === 'finalized' && rules.bounds.finalizeAnswersOnce);
      if (isUncounted || found !== rows) return fail(spent, i, undefined);
      const ended = withStream(spent, stream, { rows: found, status: 'finalized' });
      return withProcess(ended, i, {
        at: 'ending',
        owner,
        early: undefined,
        awaits: undefined,
        stream,
        rows,
        offset,
        exclusions,
      });
    },
  );
}

export function endingSteps(turn: Turn<Ending>): void {
  const { process, rules } = turn;
  if (process.awaits !== undefined) return;
  const { offset } = process;
  const exclusions = rules.broken === 'endingDropsExclusions' ? NO_OFFSETS : from(process.exclusions, offset);
  commitSteps(turn, 'ending', { offset, stream: NO_STREAM, rows: 0, exclusions });
}

/** BigQuery looks at what is under way, in any order; the answer arrives or is lost. */
export function answerSteps({ rules, state, i, process, steps }: Turn<Running>): void {
  process.flights.forEach((flight, index) => {
    if (flight.status !== 'sent') return;
    for (const answer of answersTo(state, flight, rules.log)) {
      const told = (): string => `${formatAppend(flight)}: ${answer}`;
      const looked = (): State => (answer === 'appended' ? land(state, flight) : state);
      steps.add('BigQuery', 'append-answered', told, () => answered(rules, looked(), i, process, index, answer));
      if (state.left.lostAnswers === 0) continue;
      steps.add(
        'BigQuery',
        'append-answered',
        () => `${told()}, unknown to ${nameOf(i)}`,
        () => {
          const flights = process.flights.filter((_, other) => other !== index);
          const lost = spend(looked(), 'lostAnswers');
          return fail(withProcess(lost, i, { ...process, flights }), i, process.awaits);
        },
      );
    }
  });
}

/** What its sender no longer waits for. */
export function lateSteps(rules: Rules, state: State, steps: SinkSteps): void {
  state.late.forEach((append, index) => {
    for (const answer of answersTo(state, append, rules.log)) {
      steps.add(
        'BigQuery',
        'late-append',
        () => `${formatAppend(append)}: ${answer}`,
        () => {
          const rest = { ...state, late: state.late.filter((_, other) => other !== index) };
          return answer === 'appended' ? land(rest, append) : rest;
        },
      );
    }
  });
}

function answered(rules: Rules, state: State, i: number, process: Running, index: number, answer: Answer): State {
  const { log, broken } = rules;
  const flights = process.flights.map((flight, other): Flight => {
    if (other !== index) return flight;
    return {
      ...flight,
      status: answer,
      rejected: answer === 'rejected' ? flight.records & log.rejectable : NO_OFFSETS,
    };
  });
  if (answer === 'error' && !flights.slice(0, index).some(({ status }) => status === 'rejected')) {
    const others = flights.filter((_, other) => other !== index);
    const kept = broken === 'keepsAfterErrors' && others.every(({ status }) => status === 'rejected');
    return fail(
      withProcess(state, i, { ...process, flights: others }),
      i,
      process.awaits,
      kept ? ownOf(process) : undefined,
    );
  }
  return withProcess(state, i, acknowledged(rules, { ...process, flights }));
}

/** The oldest appends that are acknowledged move the position. */
function acknowledged({ log, broken }: Rules, process: Running): Running {
  let { rows, offset, flights } = process;
  for (let [first] = flights; first?.status === 'appended'; [first] = flights) {
    flights = flights.slice(1);
    rows += countOf(first.records);
    offset = lastOf(first.records) + 1;
    if (broken !== 'oneBatchExclusions') offset = log.passOver(offset, process.exclusions);
  }
  const next = laterOf(process.next, offset);
  return { ...process, rows, offset, next, flights, exclusions: from(process.exclusions, offset) };
}

function ownOf({ stream, rows, offset, exclusions }: Running): OwnStream {
  return { stream, rows, offset, exclusions };
}

const formatAppend = ({ records, stream, at }: Append): string =>
  `${formatOffsets(records)} to s${String(stream)} at ${String(at)}`;

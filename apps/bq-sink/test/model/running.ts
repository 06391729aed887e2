import { commitSteps } from './commits';
import { countOf, firstOf, from, has, lastOf, laterOf, type Log, NO_OFFSETS, type OffsetSet, only } from './log';
import { abandon, fail } from './membership';
import { nameOf, type Rules, type SinkSteps, type StepContext } from './model-context';
import { type Answer, answersTo, land } from './servers';
import {
  type Append,
  type Ending,
  type InFlightAppend,
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

/** Appends, commits of the position, rejections, and the end of the stream. */
export function runningSteps(context: StepContext<Running>): void {
  sendSteps(context);
  if (context.process.awaits !== undefined) return;
  steadySteps(context);
  rejectionSteps(context);
  endSteps(context);
}

/** Sends the next records, in a batch of any size; nothing behind a rejected record. */
function sendSteps({ rules, state, i, process, steps }: StepContext<Running>): void {
  const { bounds } = rules;
  const { inFlight, sendAt, stream } = process;
  const isRejecting =
    process.awaits === 'rejection' || inFlight.some(({ status }) => status === 'rejected' || status === 'error');
  if (isRejecting || inFlight.length >= bounds.inFlight) return;
  for (const batch of batchesFrom(rules, process)) {
    const append: InFlightAppend = {
      stream,
      at: sendAt,
      records: batch,
      accepted: false,
      status: 'sent',
      rejected: NO_OFFSETS,
    };
    const detail = (): string => `${formatOffsets(batch)} to s${String(stream)} at ${String(sendAt)}`;
    steps.add(nameOf(i), 'append-sent', detail, () => {
      const end = lastOf(batch) + 1;
      return withProcess(state, i, {
        ...process,
        sendAt: sendAt + countOf(batch),
        next: end,
        inFlight: [...inFlight, append],
        resend: process.resend.slice(1),
        taken: bounds.regroups ? 0 : laterOf(process.taken, end),
      });
    });
  }
}

/**
 * The possible next batches: the first batch to send again, or the next records in every size up to the limit. None has a
 * rejected record or one behind it.
 */
function batchesFrom({ log, bounds, broken }: Rules, process: Running): readonly OffsetSet[] {
  const { resend, next } = process;
  const rejected = unsettledRejections(log, process);
  const end = broken === 'sendsBehindRejected' || rejected === NO_OFFSETS ? log.end : firstOf(rejected);
  const [first] = resend;
  if (first !== undefined) return firstOf(first) < end ? [first] : [];
  const batches: OffsetSet[] = [];
  let records: OffsetSet = NO_OFFSETS;
  let offset = log.nextRecord(next);
  while (batches.length < bounds.maxBatch && offset < end) {
    if (!has(rejected, offset)) {
      records |= only(offset);
      batches.push(records);
    }
    offset = log.nextRecord(offset + 1);
  }
  return batches;
}

/** Records from the position on that the encoder or BigQuery has rejected. */
const unsettledRejections = (log: Log, { rejected, offset }: Running): OffsetSet =>
  from(rejected | log.unencodable, offset);

function steadySteps(context: StepContext<Running>): void {
  const { rules, state, i, process, steps } = context;
  const position = steadyPosition(rules, process);
  if (position.offset <= process.committedOffset) return;
  if (rules.broken === 'nonTransactionalCommits') {
    steps.add(
      nameOf(i),
      'commit-begun',
      () => 'outside of a transaction',
      () => {
        const committing = withProcess(state, i, { ...process, committedOffset: position.offset });
        return { ...committing, nonTransactionalCommits: [...state.nonTransactionalCommits, position] };
      },
    );
  } else commitSteps(context, 'steady', position);
}

function steadyPosition({ broken }: Rules, { stream, rows, offset, next, sendAt }: Running): Position {
  return broken === 'commitsBeforeAck' ? { offset: next, stream, rows: sendAt } : { offset, stream, rows };
}

/**
 * Once everything before a rejected record is durable, one commit holds its dead letter, those of rejected records right
 * behind it, and the position behind them.
 */
function rejectionSteps(context: StepContext<Running>): void {
  const { rules, process } = context;
  const { log, bounds, broken } = rules;
  const { stream, rows, inFlight } = process;
  const rejected = unsettledRejections(log, process);
  if (rejected === NO_OFFSETS || inFlight.length > 0) return;
  const first = firstOf(rejected);
  if (broken !== 'deadLettersEarly' && log.nextRecord(process.offset) !== first) return;
  let run: OffsetSet = NO_OFFSETS;
  let offset = first;
  while (has(rejected, offset)) {
    run |= only(offset);
    const behind = offset + 1;
    offset = log.nextRecord(behind);
    // The code may learn of the next one too late for this commit, or the commit has as many as it may have.
    if (bounds.regroups || !has(rejected, offset)) {
      commitSteps(context, 'rejection', { offset: behind, stream, rows }, run);
    }
  }
}

/** A drained or idle process whose records are all settled finalizes its stream and commits that. */
function endSteps({ rules, state, i, process, steps }: StepContext<Running>): void {
  if (state.budget.endings === 0 || process.inFlight.length > 0 || process.offset < process.taken) return;
  const { stream, rows, offset, owner } = process;
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
        readBeforeFence: undefined,
        awaits: undefined,
        stream,
        rows,
        offset,
      });
    },
  );
}

export function endingSteps(context: StepContext<Ending>): void {
  const { process } = context;
  if (process.awaits !== undefined) return;
  commitSteps(context, 'ending', { offset: process.offset, stream: NO_STREAM, rows: 0 });
}

/** BigQuery processes the appends in flight in any order. The answer arrives or is lost. */
export function answerSteps({ rules, state, i, process, steps }: StepContext<Running>): void {
  process.inFlight.forEach((append, index) => {
    if (append.status !== 'sent') return;
    for (const answer of answersTo(state, append, rules.log)) {
      const detail = (): string => `${formatAppend(append)}: ${answer}`;
      const processed = (): State => (answer === 'appended' ? land(state, append) : state);
      steps.add('BigQuery', 'append-answered', detail, () => answered(rules, processed(), i, process, index, answer));
      if (state.budget.lostAnswers === 0) continue;
      steps.add(
        'BigQuery',
        'append-answered',
        () => `${detail()}, unknown to ${nameOf(i)}`,
        () => {
          const inFlight = process.inFlight.filter((_, other) => other !== index);
          const lost = spend(processed(), 'lostAnswers');
          return fail(withProcess(lost, i, { ...process, inFlight }), i, process.awaits);
        },
      );
    }
  });
}

/** BigQuery processes an append whose sender no longer waits for the answer. */
export function orphanedAppendSteps(rules: Rules, state: State, steps: SinkSteps): void {
  state.orphaned.forEach((append, index) => {
    for (const answer of answersTo(state, append, rules.log)) {
      steps.add(
        'BigQuery',
        'orphaned-append',
        () => `${formatAppend(append)}: ${answer}`,
        () => {
          const rest = { ...state, orphaned: state.orphaned.filter((_, other) => other !== index) };
          return answer === 'appended' ? land(rest, append) : rest;
        },
      );
    }
  });
}

function answered(rules: Rules, state: State, i: number, process: Running, index: number, answer: Answer): State {
  const { log, broken } = rules;
  const inFlight = process.inFlight.map((append, other): InFlightAppend => {
    if (other !== index) return append;
    return {
      ...append,
      status: answer,
      rejected: answer === 'rejected' ? append.records & log.rejectable : NO_OFFSETS,
    };
  });
  if (answer === 'error' && !inFlight.slice(0, index).some(({ status }) => status === 'rejected')) {
    const others = inFlight.filter((_, other) => other !== index);
    const reusable = broken === 'reusesStreamAfterErrors' && others.every(({ status }) => status === 'rejected');
    return fail(
      withProcess(state, i, { ...process, inFlight: others }),
      i,
      process.awaits,
      reusable ? ownOf(process) : undefined,
    );
  }
  const settled = settleAcknowledged(rules, { ...process, inFlight });
  if (!isReadyToGoBack(rules, settled)) return withProcess(state, i, settled);
  const abandoned = broken === 'renumbersInFlight' ? abandon(state, settled) : state;
  return withProcess(abandoned, i, goBack(rules, settled));
}

/** Every append before the rejected one is acknowledged, and every one behind it is answered. */
function isReadyToGoBack({ broken }: Rules, { inFlight: [first, ...behind] }: Running): boolean {
  if (first?.status !== 'rejected') return false;
  return broken === 'renumbersInFlight' || !behind.some(({ status }) => status === 'sent');
}

/** What the rejected append and those behind it hold is sent again at new stream offsets, up to the first rejected record. */
function goBack({ log, bounds }: Rules, process: Running): Running {
  const [rejected, ...behind] = process.inFlight;
  if (rejected === undefined) return process;
  const pieces = [...rowsBetween(log, rejected.records, rejected.rejected), ...behind.map(({ records }) => records)];
  return {
    ...process,
    next: bounds.regroups ? firstOf(rejected.records) : process.next,
    sendAt: process.rows,
    inFlight: [],
    rejected: process.rejected | rejected.rejected,
    resend: bounds.regroups ? [] : [...pieces, ...process.resend],
  };
}

/** The groups of records that lie between the rejected ones. */
function rowsBetween(log: Log, records: OffsetSet, rejected: OffsetSet): readonly OffsetSet[] {
  const groups: OffsetSet[] = [];
  let group: OffsetSet = NO_OFFSETS;
  for (let offset = firstOf(records); offset <= lastOf(records); offset = log.nextRecord(offset + 1)) {
    if (has(records & ~rejected, offset)) group |= only(offset);
    else if (group !== NO_OFFSETS) {
      groups.push(group);
      group = NO_OFFSETS;
    }
  }
  return group === NO_OFFSETS ? groups : [...groups, group];
}

/** Advances the position over the oldest appends that are acknowledged. */
function settleAcknowledged({ log }: Rules, process: Running): Running {
  let { rows, offset, inFlight } = process;
  for (let [first] = inFlight; first?.status === 'appended'; [first] = inFlight) {
    inFlight = inFlight.slice(1);
    rows += countOf(first.records);
    offset = log.nextRecord(lastOf(first.records) + 1);
  }
  const next = laterOf(process.next, offset);
  return { ...process, rows, offset, next, inFlight };
}

function ownOf({ stream, rows, offset }: Running): OwnStream {
  return { stream, rows, offset };
}

const formatAppend = ({ records, stream, at }: Append): string =>
  `${formatOffsets(records)} to s${String(stream)} at ${String(at)}`;

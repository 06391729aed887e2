import { commitSteps, pruneRejected } from './commits';
import { countOf, from, lastOf, laterOf, NO_OFFSETS, type OffsetSet, only } from './log';
import { fail } from './membership';
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

/** Sends the next records, in a batch of any size; nothing behind a rejected row. */
function sendSteps({ rules, state, i, process, steps }: StepContext<Running>): void {
  const { log, bounds } = rules;
  const { inFlight, sendAt, stream } = process;
  const isRejecting =
    process.awaits === 'rejection' || inFlight.some(({ status }) => status === 'rejected' || status === 'error');
  if (isRejecting || inFlight.length >= bounds.inFlight) return;
  for (const batch of batchesFrom(rules, process)) {
    const rejected = batch & log.unencodable;
    const append: InFlightAppend = {
      stream,
      at: sendAt,
      records: batch,
      accepted: false,
      status: rejected === NO_OFFSETS ? 'sent' : 'rejected',
      rejected,
    };
    const detail = (): string =>
      rejected === NO_OFFSETS
        ? `${formatOffsets(batch)} to s${String(stream)} at ${String(sendAt)}`
        : `${formatOffsets(rejected)} of ${formatOffsets(batch)} by the encoder`;
    steps.add(nameOf(i), rejected === NO_OFFSETS ? 'append-sent' : 'rejected', detail, () => {
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

/** The possible next batches: the first batch to send again, or the next records in every size up to the limit. */
function batchesFrom({ log, bounds }: Rules, { resend, next, exclusions }: Running): readonly OffsetSet[] {
  const [first] = resend;
  if (first !== undefined) return [first];
  const batches: OffsetSet[] = [];
  let records: OffsetSet = NO_OFFSETS;
  let offset = log.nextRecord(next, exclusions);
  while (batches.length < bounds.maxBatch && offset < log.end) {
    records |= only(offset);
    batches.push(records);
    offset = log.nextRecord(offset + 1, exclusions);
  }
  return batches;
}

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
  } else commitSteps(context, 'steady', position, process.uncommitted);
}

function steadyPosition({ broken }: Rules, process: Running): Position {
  const { stream, rows, offset, exclusions } = process;
  switch (broken) {
    case 'commitsBeforeAck':
      return { offset: process.next, stream, rows: process.sendAt, exclusions: NO_OFFSETS };
    case 'steadyDropsExclusions':
      return { offset, stream, rows, exclusions: NO_OFFSETS };
    default:
      return { offset, stream, rows, exclusions: from(exclusions, offset) };
  }
}

/**
 * Once every append before the rejected one is acknowledged and every one behind it is answered, one commit holds the dead
 * letters and the exclusions.
 */
function rejectionSteps(context: StepContext<Running>): void {
  const { rules, state, i, process, steps } = context;
  const { broken, log } = rules;
  const [first, ...behind] = process.inFlight;
  if (first?.status !== 'rejected') return;
  if (broken !== 'renumbersInFlight' && behind.some(({ status }) => status === 'sent')) return;
  const exclusions = process.exclusions | first.rejected;
  const offset = broken === 'oneBatchExclusions' ? process.offset : log.nextRecord(process.offset, exclusions);
  if (broken === 'exclusionsAfterAppend') {
    steps.add(
      nameOf(i),
      'pruned',
      () => `${formatOffsets(first.rejected)}, not committed yet`,
      () => {
        return withProcess(state, i, {
          ...pruneRejected(rules, process, offset),
          uncommitted: process.uncommitted | first.rejected,
        });
      },
    );
    return;
  }
  const committed = broken === 'oneBatchExclusions' ? first.rejected : exclusions;
  const { stream, rows } = process;
  commitSteps(context, 'rejection', { offset, stream, rows, exclusions: from(committed, offset) }, first.rejected);
}

/** A drained or idle process whose records are all settled finalizes its stream and commits that. */
function endSteps({ rules, state, i, process, steps }: StepContext<Running>): void {
  if (state.budget.endings === 0 || process.inFlight.length > 0 || process.offset < process.taken) return;
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
        readBeforeFence: undefined,
        awaits: undefined,
        stream,
        rows,
        offset,
        exclusions,
      });
    },
  );
}

export function endingSteps(context: StepContext<Ending>): void {
  const { process, rules } = context;
  if (process.awaits !== undefined) return;
  const { offset } = process;
  const exclusions = rules.broken === 'endingDropsExclusions' ? NO_OFFSETS : from(process.exclusions, offset);
  commitSteps(context, 'ending', { offset, stream: NO_STREAM, rows: 0, exclusions });
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
  return withProcess(state, i, settleAcknowledged(rules, { ...process, inFlight }));
}

/** Advances the position over the oldest appends that are acknowledged. */
function settleAcknowledged({ log, broken }: Rules, process: Running): Running {
  let { rows, offset, inFlight } = process;
  for (let [first] = inFlight; first?.status === 'appended'; [first] = inFlight) {
    inFlight = inFlight.slice(1);
    rows += countOf(first.records);
    offset = lastOf(first.records) + 1;
    if (broken !== 'oneBatchExclusions') offset = log.nextRecord(offset, process.exclusions);
  }
  const next = laterOf(process.next, offset);
  return { ...process, rows, offset, next, inFlight, exclusions: from(process.exclusions, offset) };
}

function ownOf({ stream, rows, offset, exclusions }: Running): OwnStream {
  return { stream, rows, offset, exclusions };
}

const formatAppend = ({ records, stream, at }: Append): string =>
  `${formatOffsets(records)} to s${String(stream)} at ${String(at)}`;

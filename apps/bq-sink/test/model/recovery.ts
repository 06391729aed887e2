import { ProtocolViolation } from '../../../../test/model-checking/model';
import { beginCommit, commitSteps } from './commits';
import { firstOf, lastOf, NO_OFFSETS } from './log';
import { fail } from './membership';
import { nameOf, type Rules, type StepContext } from './model-context';
import { mayStillLand } from './servers';
import {
  type CommittedRead,
  type Fenced,
  type Finalized,
  formatPosition,
  type MaxRead,
  NO_STREAM,
  type OwnStream,
  ready,
  type Ready,
  running,
  spend,
  type State,
  streamOf,
  type Uncounted,
  withProcess,
  withStream,
} from './state';

/** Reads the committed position after fencing. */
export function fencedSteps({ rules, state, i, process, steps }: StepContext<Fenced>): void {
  const committed = rules.broken === 'readsBeforeFence' ? process.readBeforeFence?.committed : state.committed;
  steps.add(
    nameOf(i),
    'committed-read',
    () => formatPosition(committed),
    () => {
      const { owner, reusable } = process;
      if (reusable !== undefined && rules.broken === 'reusesStreamUnchecked')
        return withProcess(state, i, running(owner, reusable, -1));
      if (reusable !== undefined && committed?.stream === reusable.stream) {
        return withProcess(state, i, running(owner, reusedAt(rules, reusable, committed), committed.offset));
      }
      if (committed?.stream === NO_STREAM) {
        const { offset } = committed;
        return withProcess(state, i, ready(owner, offset, offset));
      }
      const earlyLogEnd =
        rules.broken === 'readsLogEndBeforeFinalize' || rules.broken === 'readsLogEndBeforeQuery' ? state.end : 0;
      return withProcess(state, i, { at: 'committed-read', owner, readBeforeFence: undefined, committed, earlyLogEnd });
    },
  );
}

/** Every append of the process is answered, so its row count is the end of the stream. The commit gives the rest. */
function reusedAt(
  { log }: Rules,
  { stream, rows }: OwnStream,
  committed: { readonly offset: number; readonly rows: number },
): OwnStream {
  return { stream, rows, offset: log.nextRecord(log.skip(committed.offset, rows - committed.rows)) };
}

/**
 * Finalizes the committed stream; its rows are durable. If BigQuery answers that it does not know the stream, the process
 * waits and finalizes once more.
 */
export function finalizeSteps(context: StepContext<CommittedRead | Uncounted>): void {
  const { rules, state, i, process, steps } = context;
  const { committed, owner, earlyLogEnd } = process;
  const isRepeated = process.at === 'not-found';
  if (committed === undefined) {
    fallbackSteps(context);
    return;
  }
  if (isRepeated && rules.broken !== 'fallbackWithoutWait' && mayStillLand(state)) return;
  const stream = streamOf(state, committed.stream);
  const isGone = stream.status === 'gone';
  const uncounted = (at: Uncounted['at']): Uncounted => ({
    at,
    owner,
    readBeforeFence: undefined,
    committed,
    earlyLogEnd,
  });
  const notFound = uncounted(isRepeated || rules.broken === 'believesNotFound' ? 'uncounted' : 'not-found');
  if (!isGone && !isRepeated && state.budget.falseNotFounds > 0) {
    steps.add(
      nameOf(i),
      'finalized',
      () => `s${String(committed.stream)}: gone`,
      () => withProcess(spend(state, 'falseNotFounds'), i, notFound),
    );
  }
  steps.add(
    nameOf(i),
    'finalized',
    () => `s${String(committed.stream)}: ${isGone ? 'gone' : `${String(stream.rows)} rows`}`,
    () => {
      if (isGone) return withProcess(state, i, notFound);
      if (rules.bounds.finalizeAnswersOnce && stream.status === 'finalized') {
        return withProcess(state, i, uncounted('uncounted'));
      }
      if (stream.rows < committed.rows) {
        throw new ProtocolViolation(
          `stops: ${String(stream.rows)} rows are fewer than the ${String(committed.rows)} committed`,
        );
      }
      const ended =
        rules.broken === 'skipsFinalize'
          ? state
          : withStream(state, committed.stream, { ...stream, status: 'finalized' });
      const finalized: Finalized = { at: 'finalized', owner, readBeforeFence: undefined, committed, rows: stream.rows };
      const next =
        rules.broken === 'readsLogEndBeforeFinalize' ? afterDurableRows(rules, finalized, earlyLogEnd) : finalized;
      return withProcess(ended, i, next);
    },
  );
}

/** Without a row count the table shows what is durable. No append can land any more. */
export function fallbackSteps({ rules, state, i, process, steps }: StepContext<CommittedRead | Uncounted>): void {
  const { broken } = rules;
  if (broken !== 'fallbackWithoutWait' && mayStillLand(state)) return;
  const { committed, owner, earlyLogEnd } = process;
  const rows = state.table | state.replayed;
  // A retry topic whose records were replayed in the reverse order of their source.
  const last =
    broken === 'fallbackCountsSourceOffsets' && rows !== NO_OFFSETS ? rules.log.end - 1 - firstOf(rows) : lastOf(rows);
  steps.add(
    nameOf(i),
    'max-read',
    () => `the last row is ${String(last)}`,
    () => {
      if (committed === undefined && rows !== NO_OFFSETS) {
        // A new owner that has committed a stream may have written them. Then this process only has to open again.
        if (state.committed !== undefined && broken !== 'stopsAlthoughFenced') return fail(state, i, undefined);
        throw new ProtocolViolation('stops: nothing is committed, and the table has rows');
      }
      const read: MaxRead = { at: 'max-read', owner, readBeforeFence: undefined, committed, last };
      const hasLogEnd = broken === 'readsLogEndBeforeQuery' && committed !== undefined;
      return withProcess(state, i, hasLogEnd ? afterLastRow(rules, read, earlyLogEnd) : read);
    },
  );
}

/**
 * No other process can append any more, so every durable row belongs to a record before the current end of the log. More
 * rows would belong to another log.
 */
export function logEndSteps({ rules, state, i, process, steps }: StepContext<Finalized | MaxRead>): void {
  const { end } = state;
  steps.add(
    nameOf(i),
    'log-end-read',
    () => String(end),
    () => {
      return withProcess(
        state,
        i,
        process.at === 'finalized' ? afterDurableRows(rules, process, end) : afterLastRow(rules, process, end),
      );
    },
  );
}

/** Continues after the records whose rows are in the stream. */
function afterDurableRows({ log, broken }: Rules, { owner, committed, rows }: Finalized, end: number): Ready {
  const durable = broken === 'skipsAllRows' ? rows : rows - committed.rows;
  return ready(owner, log.upTo(end).skip(committed.offset, durable), committed.offset);
}

/** Continues after the last row. */
function afterLastRow({ broken }: Rules, { owner, committed, last }: MaxRead, end: number): Ready {
  if (committed === undefined) return ready(owner, 0, 0);
  if (last >= end) {
    throw new ProtocolViolation(
      `stops: the table has a row of offset ${String(last)}, and the log ends at ${String(end)}`,
    );
  }
  const offset = Math.max(broken === 'fallbackIgnoresPosition' ? 0 : committed.offset, last + 1);
  return ready(owner, offset, committed.offset);
}

/**
 * The first record to write creates a stream, which is committed before its first append. Without a record, only the
 * position is committed.
 */
export function readySteps(context: StepContext<Ready>): void {
  const { rules, state, i, process, steps } = context;
  if (process.awaits !== undefined) return;
  const { owner, committedOffset } = process;
  const offset = rules.log.nextRecord(process.offset);
  if (offset < rules.log.end && state.transaction === undefined) {
    const stream = state.streams.length;
    const own: OwnStream = { stream, rows: 0, offset };
    const assignedAt = rules.broken === 'assignsAtOldPosition' ? committedOffset : offset;
    // An unassigned stream is invisible to other processes, so creating it and sending the commit is one step.
    steps.add(
      nameOf(i),
      'stream-created',
      () => `s${String(stream)}, assigned at ${String(assignedAt)} in a commit`,
      () => {
        const created: State = { ...state, streams: [...state.streams, { rows: 0, status: 'open' }] };
        const assigning = withProcess(created, i, {
          at: 'assigning',
          owner,
          readBeforeFence: undefined,
          awaits: 'assigning',
          ...own,
        });
        return beginCommit(assigning, i, 'assigning', { offset: assignedAt, stream, rows: 0 }, NO_OFFSETS);
      },
    );
  }
  if (offset > committedOffset && state.budget.endings > 0) {
    commitSteps(context, 'ending', { offset, stream: NO_STREAM, rows: 0 });
  }
}

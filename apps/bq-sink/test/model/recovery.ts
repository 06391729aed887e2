import { ProtocolViolation } from '../../../../test/model-checking/model';
import { begin, commitSteps } from './commits';
import { from, lastOf, NO_OFFSETS } from './log';
import { fail } from './membership';
import { nameOf, type Rules, type Turn } from './rules';
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
  type State,
  streamOf,
  type Uncounted,
  withProcess,
  withStream,
} from './state';

/** From the fence to the committed position. */
export function fencedSteps({ rules, state, i, process, steps }: Turn<Fenced>): void {
  const committed = rules.broken === 'readsBeforeFence' ? process.early?.committed : state.committed;
  steps.add(
    nameOf(i),
    'committed-read',
    () => formatPosition(committed),
    () => {
      const { owner, kept } = process;
      if (kept !== undefined && rules.broken === 'keepsBlindly') return withProcess(state, i, running(owner, kept, -1));
      if (kept !== undefined && committed?.stream === kept.stream) {
        return withProcess(state, i, running(owner, keptAt(rules, kept, committed), committed.offset));
      }
      if (committed?.stream === NO_STREAM) {
        const { offset, exclusions } = committed;
        return withProcess(state, i, ready(owner, offset, exclusions, offset));
      }
      const earlyEnd = rules.broken === 'endBeforeFinalize' || rules.broken === 'endBeforeMax' ? state.end : 0;
      return withProcess(state, i, { at: 'committed-read', owner, early: undefined, committed, earlyEnd });
    },
  );
}

/** Every append of its own is answered, so the rows it knows are the stream's end. The rest is taken from the commit. */
function keptAt(
  { log }: Rules,
  { stream, rows }: OwnStream,
  committed: { readonly offset: number; readonly rows: number; readonly exclusions: number },
): OwnStream {
  const { exclusions } = committed;
  const offset = log.passOver(log.skip(committed.offset, rows - committed.rows, exclusions), exclusions);
  return { stream, rows, offset, exclusions: from(exclusions, offset) };
}

/** Ends the stream of whoever wrote to it; its rows are what is durable. */
export function committedReadSteps(turn: Turn<CommittedRead>): void {
  const { rules, state, i, process, steps } = turn;
  const { committed, owner, earlyEnd } = process;
  if (committed === undefined) {
    fallbackSteps(turn);
    return;
  }
  const stream = streamOf(state, committed.stream);
  const isGone = stream.status === 'gone';
  steps.add(
    nameOf(i),
    'finalized',
    () => `s${String(committed.stream)}: ${isGone ? 'gone' : `${String(stream.rows)} rows`}`,
    () => {
      if (isGone || (rules.bounds.finalizeAnswersOnce && stream.status === 'finalized')) {
        return withProcess(state, i, { at: 'uncounted', owner, early: undefined, committed, earlyEnd });
      }
      if (stream.rows < committed.rows) {
        throw new ProtocolViolation(
          `stops and asks: ${String(stream.rows)} rows are fewer than the ${String(committed.rows)} committed`,
        );
      }
      const ended =
        rules.broken === 'noFinalize' ? state : withStream(state, committed.stream, { ...stream, status: 'finalized' });
      const finalized: Finalized = { at: 'finalized', owner, early: undefined, committed, rows: stream.rows };
      const known = rules.broken === 'endBeforeFinalize' ? countedOff(rules, finalized, earlyEnd) : finalized;
      return withProcess(ended, i, known);
    },
  );
}

/** No stream says what is durable: the table does, once nothing can land in it any more. */
export function fallbackSteps({ rules, state, i, process, steps }: Turn<CommittedRead | Uncounted>): void {
  const { broken } = rules;
  if (broken !== 'maxWithoutWait' && mayStillLand(state)) return;
  const { committed, owner, earlyEnd } = process;
  const rows = state.table | state.replayed;
  steps.add(
    nameOf(i),
    'max-read',
    () => `the last row is ${String(lastOf(rows))}`,
    () => {
      if (committed === undefined && rows !== NO_OFFSETS) {
        // They may be those of a new owner, which has named its stream before: whoever is fenced opens again.
        if (state.committed !== undefined && broken !== 'stopsThoughFenced') return fail(state, i, undefined);
        throw new ProtocolViolation('stops and asks: nothing is committed, and the table has rows');
      }
      const own = broken === 'maxCountsReplays' ? rows : rows & ~(committed?.exclusions ?? NO_OFFSETS);
      const read: MaxRead = { at: 'max-read', owner, early: undefined, committed, last: lastOf(own) };
      const isKnown = broken === 'endBeforeMax' && committed !== undefined;
      return withProcess(state, i, isKnown ? behindLast(rules, read, earlyEnd) : read);
    },
  );
}

/**
 * Nobody else can add a row any more, so a durable row is that of a record before the log's end as it is now. More of them
 * would be rows of another log.
 */
export function logEndSteps({ rules, state, i, process, steps }: Turn<Finalized | MaxRead>): void {
  const { end } = state;
  steps.add(
    nameOf(i),
    'log-end-read',
    () => String(end),
    () => {
      return withProcess(
        state,
        i,
        process.at === 'finalized' ? countedOff(rules, process, end) : behindLast(rules, process, end),
      );
    },
  );
}

/** Behind the records that the rows of the stream belong to. */
function countedOff({ log, broken }: Rules, { owner, committed, rows }: Finalized, end: number): Ready {
  const durable = broken === 'skipsAllRows' ? rows : rows - committed.rows;
  const offset = log.upTo(end).skip(committed.offset, durable, committed.exclusions);
  const exclusions = broken === 'recoveryDropsExclusions' ? NO_OFFSETS : from(committed.exclusions, offset);
  return ready(owner, offset, exclusions, committed.offset);
}

/** Behind the last row. */
function behindLast({ broken }: Rules, { owner, committed, last }: MaxRead, end: number): Ready {
  if (committed === undefined) return ready(owner, 0, NO_OFFSETS, 0);
  if (last >= end) {
    throw new ProtocolViolation(
      `stops and asks: the table has a row of offset ${String(last)}, and the log ends at ${String(end)}`,
    );
  }
  const offset = Math.max(broken === 'maxOnly' ? 0 : committed.offset, last + 1);
  const exclusions = broken === 'fallbackDropsExclusions' ? NO_OFFSETS : from(committed.exclusions, offset);
  return ready(owner, offset, exclusions, committed.offset);
}

/** The first record wanted brings a stream, named in a commit before its first append. Without one, the position alone is committed. */
export function readySteps(turn: Turn<Ready>): void {
  const { rules, state, i, process, steps } = turn;
  if (process.awaits !== undefined) return;
  const { owner, exclusions, saved } = process;
  const offset = rules.log.passOver(process.offset, exclusions);
  if (offset < rules.log.end && state.transaction === undefined) {
    const stream = state.streams.length;
    const own: OwnStream = { stream, rows: 0, offset, exclusions: from(exclusions, offset) };
    const namedAt = rules.broken === 'namedAtOldPosition' ? saved : offset;
    // Nobody sees a stream before it is named, so that creating it and sending the commit is one step.
    steps.add(
      nameOf(i),
      'stream-created',
      () => `s${String(stream)}, named for ${String(namedAt)} in a commit`,
      () => {
        const created: State = { ...state, streams: [...state.streams, { rows: 0, status: 'open' }] };
        const naming = withProcess(created, i, { at: 'naming', owner, early: undefined, awaits: 'naming', ...own });
        return begin(naming, i, 'naming', { offset: namedAt, stream, rows: 0, exclusions: own.exclusions }, NO_OFFSETS);
      },
    );
  }
  if (offset > saved && state.left.endings > 0) {
    commitSteps(turn, 'ending', { offset, stream: NO_STREAM, rows: 0, exclusions: from(exclusions, offset) });
  }
}

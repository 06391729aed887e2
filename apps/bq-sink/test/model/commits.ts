import { firstOf, from, laterOf, NO_OFFSETS, type OffsetSet } from './log';
import { abandon, close, fail } from './membership';
import { nameOf, type Rules, type SinkSteps, type Transition, type Turn } from './rules';
import { applyCommit } from './servers';
import {
  type CommitReason,
  type Failed,
  formatOffsets,
  formatPosition,
  NOBODY,
  type Position,
  type Process,
  type Ready,
  type Ending,
  type Running,
  running,
  spend,
  type State,
  withLateAnswers,
  withProcess,
} from './state';

/** The code's names for a commit that is known to have succeeded. */
const HEARD = {
  naming: 'stream-named',
  steady: 'committed',
  rejection: 'rejection-committed',
  ending: 'end-committed',
} as const satisfies Record<CommitReason, Transition>;

/**
 * A transaction with everything in it, and the request to commit it. That is one step: what was written and is not
 * committed is seen by nobody, so a kill in between is a kill before.
 */
export function commitSteps(
  { state, i, process, steps }: Turn<Ready | Running | Ending>,
  reason: CommitReason,
  position: Position,
  dead: OffsetSet = NO_OFFSETS,
): void {
  const me = nameOf(i);
  if (!process.owner) {
    steps.add(
      me,
      'closed',
      () => 'fenced at a commit',
      () => close(state, i),
    );
    return;
  }
  if (state.transaction !== undefined) return; // Only where nobody is fenced: one at a time keeps the state small.
  const letters = dead === NO_OFFSETS ? '' : ` with dead letters ${formatOffsets(dead)}`;
  steps.add(
    me,
    reason === 'rejection' ? 'rejection-settled' : 'commit-begun',
    () => `${reason} ${formatPosition(position)}${letters}`,
    () => {
      return begin(withProcess(state, i, { ...process, awaits: reason }), i, reason, position, dead);
    },
  );
}

export function begin(state: State, by: number, reason: CommitReason, position: Position, dead: OffsetSet): State {
  return { ...state, transaction: { by, reason, position, dead } };
}

/** Kafka: a commit takes effect. Its sender, if it still waits, hears of it or does not. */
export function coordinatorSteps(rules: Rules, state: State, steps: SinkSteps): void {
  const { transaction } = state;
  if (transaction !== undefined) {
    const { by, position, dead } = transaction;
    const applied = (): State => ({ ...applyCommit(state, position, dead), transaction: undefined });
    steps.add(
      'Kafka',
      by === NOBODY ? 'committed' : HEARD[transaction.reason],
      () => formatPosition(position),
      () => {
        return by === NOBODY ? applied() : heard(rules, applied(), by, transaction.reason, position);
      },
    );
    if (by !== NOBODY && state.left.lostAnswers > 0) {
      steps.add(
        'Kafka',
        'committed',
        () => `${formatPosition(position)}, unknown to ${nameOf(by)}`,
        () => {
          const lost = fail(spend(applied(), 'lostAnswers'), by, 'unknown');
          if (lost.left.lateAnswers === 0) return lost;
          return withLateAnswers(spend(lost, 'lateAnswers'), by, (lost.lateAnswers[by] as number) + 1);
        },
      );
    }
  }
  state.lateAnswers.forEach((count, to) => {
    if (count > 0) {
      steps.add(
        'Kafka',
        'late-answer',
        () => `to ${nameOf(to)}`,
        () => heardLate(rules, withLateAnswers(state, to, count - 1), to),
      );
    }
  });
  state.plainCommits.forEach((position, index) => {
    steps.add(
      'Kafka',
      'committed',
      () => `outside of a transaction ${formatPosition(position)}`,
      () => {
        const plainCommits = state.plainCommits.filter((_, other) => other !== index);
        return { ...applyCommit(state, position, NO_OFFSETS), plainCommits };
      },
    );
  });
}

/** Fenced while it waits for a commit, which will never be. */
export function fencedWaitingSteps({ state, i, process, steps }: Turn<Process>): void {
  const waits = 'awaits' in process && process.awaits !== undefined;
  if (!waits || process.owner) return;
  steps.add(
    nameOf(i),
    'closed',
    () => 'fenced while it commits',
    () => close(state, i),
  );
}

/** What a successful commit means to who waited for it. */
function heard(rules: Rules, state: State, i: number, reason: CommitReason, position: Position): State {
  const process = state.processes[i] as Process;
  switch (process.at) {
    case 'naming':
      // It was created because the record at its position was taken.
      return withProcess(
        state,
        i,
        running(process.owner, process, process.offset, rules.bounds.regroups ? 0 : process.offset + 1),
      );
    case 'ready':
      return withProcess(state, i, { ...process, awaits: undefined, saved: position.offset });
    case 'ending': {
      const { owner, offset, exclusions } = process;
      return withProcess(state, i, {
        at: 'ready',
        owner,
        early: undefined,
        awaits: undefined,
        offset,
        exclusions,
        saved: position.offset,
      });
    }
    case 'running': {
      const saved: Running = { ...process, awaits: undefined, saved: position.offset, unsaid: NO_OFFSETS };
      if (reason !== 'rejection') return withProcess(state, i, saved);
      const freed = rules.broken === 'renumbersInFlight' ? abandon(state, process) : state;
      return withProcess(freed, i, prune(rules, saved, position.offset));
    }
    case 'failed':
      return withProcess(state, i, { ...process, awaits: undefined } satisfies Failed);
    default:
      return state;
  }
}

/** Whoever gave a commit up has failed, and opened again if it is here at all: the answer is nobody's. */
function heardLate(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  if (rules.broken !== 'takesLateAnswers' || state.transaction?.by !== i || process.at === 'failed') return state;
  const { reason, position } = state.transaction;
  return heard(rules, state, i, reason, position);
}

/** The rejected records leave the stream: the rest is sent again, renumbered. */
export function prune({ bounds }: Rules, process: Running, offset: number): Running {
  const [rejected, ...behind] = process.flights;
  if (rejected === undefined) return process;
  const again = [rejected.records & ~rejected.rejected, ...behind.map(({ records }) => records)];
  return {
    ...process,
    exclusions: from(process.exclusions | rejected.rejected, offset),
    offset,
    next: laterOf(offset, firstOf(rejected.records)),
    sendAt: process.rows,
    flights: [],
    again: bounds.regroups ? [] : again.filter((records) => records !== NO_OFFSETS),
  };
}

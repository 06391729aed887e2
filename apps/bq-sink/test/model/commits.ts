import { from, laterOf, NO_OFFSETS, type OffsetSet } from './log';
import { close, fail } from './membership';
import { nameOf, type Rules, type SinkSteps, type Transition, type StepContext } from './model-context';
import { applyCommit } from './servers';
import {
  type CommitReason,
  type Failed,
  formatOffsets,
  formatPosition,
  NO_PROCESS,
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

/** The name of a transition in which a process receives the answer to its commit. */
const COMMITTED_AS = {
  assigning: 'stream-assigned',
  steady: 'committed',
  rejection: 'rejection-committed',
  ending: 'end-committed',
} as const satisfies Record<CommitReason, Transition>;

/**
 * Writes a transaction and requests its commit. This is one step, because uncommitted writes are invisible: a kill in
 * between has the same effect as a kill before.
 */
export function commitSteps(
  { state, i, process, steps }: StepContext<Ready | Running | Ending>,
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
  // Another transaction exists only if no owner is fenced. One at a time limits the number of states.
  if (state.transaction !== undefined) return;
  const letters = dead === NO_OFFSETS ? '' : ` with dead letters ${formatOffsets(dead)}`;
  steps.add(
    me,
    reason === 'rejection' ? 'rejection-settled' : 'commit-begun',
    () => `${reason} ${formatPosition(position)}${letters}`,
    () => {
      return beginCommit(withProcess(state, i, { ...process, awaits: reason }), i, reason, position, dead);
    },
  );
}

export function beginCommit(
  state: State,
  by: number,
  reason: CommitReason,
  position: Position,
  dead: OffsetSet,
): State {
  return { ...state, transaction: { by, reason, position, dead } };
}

/** Kafka: a commit takes effect. The answer reaches a waiting sender, or is lost. */
export function coordinatorSteps(rules: Rules, state: State, steps: SinkSteps): void {
  const { transaction } = state;
  if (transaction !== undefined) {
    const { by, position, dead } = transaction;
    const applied = (): State => ({ ...applyCommit(state, position, dead), transaction: undefined });
    steps.add(
      'Kafka',
      by === NO_PROCESS ? 'committed' : COMMITTED_AS[transaction.reason],
      () => formatPosition(position),
      () => {
        return by === NO_PROCESS ? applied() : onCommitAnswer(rules, applied(), by, transaction.reason, position);
      },
    );
    if (by !== NO_PROCESS && state.budget.lostAnswers > 0) {
      steps.add(
        'Kafka',
        'committed',
        () => `${formatPosition(position)}, unknown to ${nameOf(by)}`,
        () => {
          const lost = fail(spend(applied(), 'lostAnswers'), by, 'unknown');
          if (lost.budget.lateAnswers === 0) return lost;
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
        () => onLateAnswer(rules, withLateAnswers(state, to, count - 1), to),
      );
    }
  });
  state.nonTransactionalCommits.forEach((position, index) => {
    steps.add(
      'Kafka',
      'committed',
      () => `outside of a transaction ${formatPosition(position)}`,
      () => {
        const nonTransactionalCommits = state.nonTransactionalCommits.filter((_, other) => other !== index);
        return { ...applyCommit(state, position, NO_OFFSETS), nonTransactionalCommits };
      },
    );
  });
}

/** A fenced process learns that its commit was aborted. */
export function fencedCommitSteps({ state, i, process, steps }: StepContext<Process>): void {
  const isWaiting = 'awaits' in process && process.awaits !== undefined;
  if (!isWaiting || process.owner) return;
  steps.add(
    nameOf(i),
    'closed',
    () => 'fenced while it commits',
    () => close(state, i),
  );
}

/** The process receives the answer to its successful commit. */
function onCommitAnswer(rules: Rules, state: State, i: number, reason: CommitReason, position: Position): State {
  const process = state.processes[i] as Process;
  switch (process.at) {
    case 'assigning':
      // The stream was created for the record at its position, which was taken.
      return withProcess(
        state,
        i,
        running(process.owner, process, process.offset, rules.bounds.regroups ? 0 : process.offset + 1),
      );
    case 'ready':
      return withProcess(state, i, { ...process, awaits: undefined, committedOffset: position.offset });
    case 'ending': {
      const { owner, offset } = process;
      return withProcess(state, i, {
        at: 'ready',
        owner,
        readBeforeFence: undefined,
        awaits: undefined,
        offset,
        committedOffset: position.offset,
      });
    }
    case 'running': {
      const acknowledged: Running = { ...process, awaits: undefined, committedOffset: position.offset };
      return withProcess(
        state,
        i,
        reason === 'rejection' ? continueBehind(acknowledged, position.offset) : acknowledged,
      );
    }
    case 'failed':
      return withProcess(state, i, { ...process, awaits: undefined } satisfies Failed);
    default:
      return state;
  }
}

/** The process has failed since, and may have opened the partition again. It ignores the answer. */
function onLateAnswer(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  if (rules.broken !== 'acceptsLateAnswers' || state.transaction?.by !== i || process.at === 'failed') return state;
  const { reason, position } = state.transaction;
  return onCommitAnswer(rules, state, i, reason, position);
}

/** Continues behind the dead-lettered records. */
function continueBehind(process: Running, offset: number): Running {
  return {
    ...process,
    offset,
    next: laterOf(process.next, offset),
    rejected: from(process.rejected, offset),
    taken: process.taken === 0 ? 0 : laterOf(process.taken, offset),
  };
}

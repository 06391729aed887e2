import {
  type Append,
  CLOSED,
  type Failed,
  formatPosition,
  NO_PROCESS,
  type OwnStream,
  type Process,
  spend,
  type State,
  withLateAnswers,
  withProcess,
} from './state';
import { nameOf, type Rules, type StepContext } from './model-context';

/** Unanswered appends stay in flight when their sender stops waiting for them. */
export function abandon(state: State, process: Process): State {
  if (process.at !== 'running') return state;
  const sent = process.inFlight.filter(({ status }) => status === 'sent');
  if (sent.length === 0) return state;
  const orphaned = sent.map(({ stream, at, records, accepted }): Append => ({ stream, at, records, accepted }));
  return { ...state, orphaned: [...state.orphaned, ...orphaned].sort((a, b) => a.stream - b.stream || a.at - b.at) };
}

/** The process is killed, or learns that it no longer owns the partition. */
export function close(state: State, i: number): State {
  const { transaction } = state;
  const unawaited = transaction?.by === i ? { ...transaction, by: NO_PROCESS } : transaction;
  const abandoned = abandon(state, state.processes[i] as Process);
  return withProcess({ ...abandoned, transaction: unawaited }, i, CLOSED);
}

/** The process does nothing more until it opens the partition again. Its appends stay in flight. */
export function fail(state: State, i: number, awaits: Failed['awaits'], reusable?: OwnStream): State {
  const process = state.processes[i] as Process;
  const { owner, readBeforeFence } = process;
  return withProcess(abandon(state, process), i, { at: 'failed', owner, readBeforeFence, awaits, reusable });
}

/** Kills, fencing and assignment. */
export function membershipSteps({ rules, state, i, process, steps }: StepContext<Process>): void {
  const { bounds, broken } = rules;
  const me = nameOf(i);
  const isRunning = process.at !== 'closed' || process.readBeforeFence !== undefined;
  if (isRunning && state.budget.crashes > 0) {
    steps.add(me, 'crashed', noDetail, () => {
      return close(withLateAnswers(spend(state, 'crashes'), i, 0), i);
    });
  }
  // Without an owner, or with a failed one, any process may open the partition. Otherwise it is a reassignment or a zombie.
  const isUnowned = !state.processes.some(({ owner }) => owner) || (process.owner && process.at === 'failed');
  if (isUnowned || state.budget.reassignments > 0) {
    if (broken === 'readsBeforeFence' && process.readBeforeFence === undefined) {
      steps.add(
        me,
        'committed-read',
        () => `${formatPosition(state.committed)}, before it fences`,
        () => {
          return withProcess(state, i, { ...process, readBeforeFence: { committed: state.committed } });
        },
      );
    } else
      steps.add(me, 'fenced', isUnowned ? noDetail : () => 'reassigned', () =>
        fence(rules, spendIf(!isUnowned, state), i),
      );
  }
  if (process.at !== 'failed') return;
  if (bounds.recoversInPlace && process.awaits === undefined) {
    steps.add(me, 'recovered-in-place', noDetail, () => {
      return withProcess(state, i, {
        at: 'fenced',
        owner: process.owner,
        readBeforeFence: undefined,
        reusable: undefined,
      });
    });
  }
  if (!process.owner) steps.add(me, 'closed', noDetail, () => close(state, i));
}

/** InitProducerId returns after the transactions of all older producers have ended, so this is one step. */
function fence(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  const isFenced = (other: number): boolean => rules.broken !== 'perInstanceTransactionalIds' || other === i;
  const [first, second] = abandon(state, process).processes.map((each, other) =>
    each.owner && isFenced(other) ? { ...each, owner: false } : each,
  );
  const fenced = {
    ...abandon(state, process),
    processes: [first, second] as State['processes'],
    transaction: state.transaction === undefined || isFenced(state.transaction.by) ? undefined : state.transaction,
  };
  return withProcess(fenced, i, {
    at: 'fenced',
    owner: true,
    readBeforeFence: process.readBeforeFence,
    reusable: reusableStream(rules, process),
  });
}

/** A stream is reusable only if every append is answered, and none failed except for a rejected record. */
function reusableStream({ bounds }: Rules, process: Process): OwnStream | undefined {
  if (!bounds.reusesStream) return undefined;
  if (process.at === 'failed') return process.reusable;
  if (process.at !== 'running' || process.inFlight.some(({ status }) => status !== 'rejected')) return undefined;
  const { stream, rows, offset } = process;
  return { stream, rows, offset };
}

const spendIf = (spends: boolean, state: State): State => (spends ? spend(state, 'reassignments') : state);

const noDetail = (): string => '';

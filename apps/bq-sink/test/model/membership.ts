import {
  type Append,
  CLOSED,
  type Failed,
  formatPosition,
  NOBODY,
  type OwnStream,
  type Process,
  spend,
  type State,
  withLateAnswers,
  withProcess,
} from './state';
import { nameOf, type Rules, type Turn } from './rules';

/** Appends that are not answered stay under way when their sender stops to listen. */
export function abandon(state: State, process: Process): State {
  if (process.at !== 'running') return state;
  const sent = process.flights.filter(({ status }) => status === 'sent');
  if (sent.length === 0) return state;
  const late = sent.map(({ stream, at, records, accepted }): Append => ({ stream, at, records, accepted }));
  return { ...state, late: [...state.late, ...late].sort((a, b) => a.stream - b.stream || a.at - b.at) };
}

/** Killed, or knows that the partition is another's. */
export function close(state: State, i: number): State {
  const { transaction } = state;
  const orphaned = transaction?.by === i ? { ...transaction, by: NOBODY } : transaction;
  const abandoned = abandon(state, state.processes[i] as Process);
  return withProcess({ ...abandoned, transaction: orphaned }, i, CLOSED);
}

/** Something is not explained: it does nothing more until it opens again. What was under way goes on without it. */
export function fail(state: State, i: number, awaits: Failed['awaits'], kept?: OwnStream): State {
  const process = state.processes[i] as Process;
  const { owner, early } = process;
  return withProcess(abandon(state, process), i, { at: 'failed', owner, early, awaits, kept });
}

/** Kills, fencing, and everything that makes an owner. */
export function membershipSteps({ rules, state, i, process, steps }: Turn<Process>): void {
  const { bounds, broken } = rules;
  const me = nameOf(i);
  const isRunning = process.at !== 'closed' || process.early !== undefined;
  if (isRunning && state.left.crashes > 0) {
    steps.add(me, 'crashed', plain, () => {
      return close(withLateAnswers(spend(state, 'crashes'), i, 0), i);
    });
  }
  // Free when nobody owns. While an owner lives it is a re-assignment, or a zombie that opens again.
  const isFree = !state.processes.some(({ owner }) => owner) || (process.owner && process.at === 'failed');
  if (isFree || state.left.reassignments > 0) {
    if (broken === 'readsBeforeFence' && process.early === undefined) {
      steps.add(
        me,
        'committed-read',
        () => `${formatPosition(state.committed)}, before it fences`,
        () => {
          return withProcess(state, i, { ...process, early: { committed: state.committed } });
        },
      );
    } else
      steps.add(me, 'fenced', isFree ? plain : () => 're-assigned', () => fence(rules, spendIf(!isFree, state), i));
  }
  if (process.at !== 'failed') return;
  if (bounds.recoversInPlace && process.awaits === undefined) {
    steps.add(me, 'recovered-in-place', plain, () => {
      return withProcess(state, i, { at: 'fenced', owner: process.owner, early: undefined, kept: undefined });
    });
  }
  if (!process.owner) steps.add(me, 'closed', plain, () => close(state, i));
}

/** InitProducerId returns when the transaction of every older producer is ended, so one step ends them all. */
function fence(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  const isFenced = (other: number): boolean => rules.broken !== 'perInstanceIds' || other === i;
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
    early: process.early,
    kept: ownStreamKept(rules, process),
  });
}

/** Thrift: only with every append answered, and none failed but for a rejected record. */
function ownStreamKept({ bounds }: Rules, process: Process): OwnStream | undefined {
  if (!bounds.keepsStream) return undefined;
  if (process.at === 'failed') return process.kept;
  if (process.at !== 'running' || process.flights.some(({ status }) => status !== 'rejected')) return undefined;
  const { stream, rows, offset, exclusions } = process;
  return { stream, rows, offset, exclusions };
}

const spendIf = (spends: boolean, state: State): State => (spends ? spend(state, 'reassignments') : state);

const plain = (): string => '';

import { ProtocolViolation, type StepList } from '../../../../test/model-checking/model';
import type { FaultPoint } from '../../src/partitions/fault-points';
import type { Rules } from './bounds';
import { changesFrom, fold, type Evaluated, evaluate, type Memory } from './evaluation';
import { applyTransaction } from './kafka';
import {
  CLOSED,
  type Kept,
  type LateAnswer,
  type Position,
  type Process,
  spend,
  type State,
  type Transaction,
  type Undecided,
  withoutAnswersTo,
  withProcess,
} from './state';

/** A transition by its name: the code's own, and those that the code does not make but bears. */
export type Transition =
  FaultPoint | 'closed' | 'committed-read' | 'crashed' | 'failed' | 'late-answer' | 'read-before-fence' | 'settled';

type LoopSteps = StepList<State, Transition>;

/** A process in a state, and where its steps are collected. */
interface Turn {
  readonly rules: Rules;
  readonly state: State;
  /** Index of the process. */
  readonly i: number;
  readonly process: Process;
  readonly steps: LoopSteps;
}

const nameOf = (i: number): string => (i === 0 ? 'A' : 'B');
const plain = (): string => '';

export function processSteps(turn: Turn): void {
  membershipSteps(turn);
  switch (turn.process.at) {
    case 'closed':
    case 'failed':
      break;
    case 'fenced':
      readSteps(turn);
      break;
    case 'committed-read':
      restoreSteps(turn);
      break;
    case 'running':
      evaluateSteps(turn);
      break;
    case 'committing':
      waitingSteps(turn);
  }
}

/** Kills, and everything that makes an owner. */
function membershipSteps({ rules, state, i, process, steps }: Turn): void {
  const me = nameOf(i);
  if (process !== CLOSED && state.left.crashes > 0) {
    steps.add(me, 'crashed', plain, () => {
      return withProcess(withoutAnswersTo(spend(state, 'crashes'), i), i, CLOSED);
    });
  }
  // Free when nobody owns. While an owner lives it is a re-assignment, or a zombie that opens again.
  const isFree = !state.processes.some(({ owner }) => owner) || (process.owner && process.at === 'failed');
  if (!isFree && state.left.reassignments === 0) return;
  const readsEarly = rules.broken === 'readsBeforeFence' || rules.broken === 'restoresUntilEarlyEnd';
  if (readsEarly && process.early === undefined) {
    steps.add(
      me,
      'read-before-fence',
      () => formatPosition(state.committed),
      () => {
        return withProcess(state, i, { ...process, early: { committed: state.committed, state: state.stateTopic } });
      },
    );
    return;
  }
  steps.add(me, 'fenced', isFree ? plain : () => 're-assigned', () => {
    return fence(rules, isFree ? state : spend(state, 'reassignments'), i);
  });
}

/** InitProducerId returns when the transaction of every older producer is ended, so one step ends them all. */
function fence({ broken }: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  const isFenced = (other: number): boolean => broken !== 'perInstanceIds' || other === i;
  const [first, second] = state.processes.map((other, index) => {
    return isFenced(index) && other.owner ? { ...other, owner: false } : other;
  });
  const fenced: State = {
    ...state,
    processes: [first, second] as State['processes'],
    transactions: state.transactions.filter(({ by }) => !isFenced(by)),
  };
  const { kept, early } = process;
  return withProcess(fenced, i, { at: 'fenced', owner: true, committed: undefined, kept, early });
}

function readSteps({ rules, state, i, process, steps }: Turn): void {
  const early = rules.broken === 'readsBeforeFence' ? process.early?.committed : undefined;
  const committed = early ?? state.committed;
  steps.add(
    nameOf(i),
    'committed-read',
    () => formatPosition(committed),
    () => {
      return withProcess(state, i, { ...process, at: 'committed-read', committed });
    },
  );
}

/** Its memory is brought to the committed position: as it is, with the undecided batch, or from the state topic. */
function restoreSteps({ rules, state, i, process, steps }: Turn): void {
  const { committed } = process;
  if (committed === undefined) return;
  const settled = process.kept === undefined ? undefined : settle(rules, process.kept, committed);
  const run = (kept: Kept): State => {
    return withProcess(state, i, { at: 'running', owner: process.owner, committed: undefined, kept, early: undefined });
  };
  if (settled !== undefined) {
    steps.add(
      nameOf(i),
      'settled',
      () => formatMemory(settled.memory),
      () => run(settled),
    );
    return;
  }
  const memory = restored(rules, state, process);
  // Where nothing was committed, the state tells the position.
  if (!process.owner && committed.token > 0 && memory.counted !== committed.offset) {
    // The new owner has committed since. Whoever is fenced asks for the position again before it takes that for wrong.
    steps.add(
      nameOf(i),
      'closed',
      () => WHILE_RESTORING,
      () => {
        if (rules.broken !== 'stopsThoughFenced') return letGo(state, i);
        throw new ProtocolViolation('stops and asks: the state is that of another position');
      },
    );
    return;
  }
  steps.add(
    nameOf(i),
    'restored',
    () => formatMemory(memory),
    () => withoutAnswersTo(run({ memory, position: committed, undecided: undefined }), i),
  );
}

/** undefined: what is committed is neither the position it knows nor that of its undecided batch. */
function settle({ broken }: Rules, { memory, position, undecided }: Kept, committed: Position): Kept | undefined {
  const at = ({ offset, token }: Position): boolean =>
    offset === committed.offset && (token === committed.token || broken === 'settlesByOffset');
  if (broken === 'keepsBlindly') return { memory, position: committed, undecided: undefined };
  if (undecided !== undefined && at(undecided.position)) {
    return broken === 'forgetsOverlay'
      ? { memory, position: undecided.position, undecided: undefined }
      : decided(memory, undecided);
  }
  return at(position) ? { memory, position, undecided: undefined } : undefined;
}

/** The batch is committed: what it changes is part of what is remembered. */
const decided = (memory: Memory, { changes, position }: Undecided): Kept => ({
  memory: fold(memory, changes),
  position,
  undecided: undefined,
});

function restored({ broken }: Rules, state: State, process: Process): Memory {
  if (broken === 'eventsNotRebuilt') return { ...state.stateTopic, events: 0 };
  if (broken === 'restoresUncommitted') return state.uncommittedState;
  if (broken === 'restoresUntilEarlyEnd' && process.early !== undefined) return process.early.state;
  return state.stateTopic;
}

/** Evaluates the next records, as many as it likes, and sends all that follows in a transaction: one step, since nobody sees it before. */
function evaluateSteps({ rules, state, i, process, steps }: Turn): void {
  const { kept } = process;
  if (kept === undefined) return;
  const { offset } = kept.position;
  const records = rules.bounds.input.slice(offset, offset + rules.bounds.maxBatch);
  if (records.length > 0 && !process.owner) {
    steps.add(
      nameOf(i),
      'closed',
      () => 'fenced at a commit',
      () => letGo(state, i),
    );
    return;
  }
  for (let count = 1; count <= records.length; count++) {
    for (const evaluated of evaluate(records.slice(0, count), kept.memory)) {
      const told = (): string => `${String(offset)} to ${String(offset + count - 1)} ${evaluated.outcomes.join(', ')}`;
      steps.add(nameOf(i), 'evaluated', told, () => begin(rules, state, i, kept, evaluated));
    }
  }
}

function begin({ broken }: Rules, state: State, i: number, kept: Kept, { outcomes, memory }: Evaluated): State {
  const tokens = state.tokens + 1;
  const from = kept.position.offset;
  const position: Position = { offset: from + outcomes.length, token: tokens };
  // A key that did not change is not written; the summary always is.
  const order = memory.order === kept.memory.order ? state.stateTopic.order : memory.order;
  const written = { events: memory.events, order, counted: memory.counted };
  const transaction: Transaction = { by: i, from, outcomes, state: written, position };
  const remembered = broken === 'foldsBeforeOutcome' ? memory : kept.memory;
  const undecided: Undecided = { changes: changesFrom(remembered, memory), position };
  const waiting: Kept = { ...kept, memory: remembered, undecided };
  const begun: State = {
    ...state,
    tokens,
    transactions: [...state.transactions, transaction],
    stateTopic: broken === 'stateOutside' ? written : state.stateTopic,
    uncommittedState: broken === 'restoresUncommitted' ? written : state.uncommittedState,
  };
  return withProcess(begun, i, { ...(state.processes[i] as Process), at: 'committing', kept: waiting });
}

function waitingSteps({ state, i, process, steps }: Turn): void {
  const me = nameOf(i);
  if (!process.owner) {
    steps.add(
      me,
      'closed',
      () => 'fenced while it commits',
      () => letGo(state, i),
    );
    return;
  }
  if (state.left.lostAnswers > 0) {
    steps.add(
      me,
      'failed',
      () => 'waits no longer for the commit',
      () => {
        return withProcess(spend(state, 'lostAnswers'), i, { ...process, at: 'failed' });
      },
    );
  }
}

/** The partition is another's. Its memory is kept, for the case that it comes back. */
export function letGo(state: State, i: number): State {
  const { kept, early } = state.processes[i] as Process;
  if (kept === undefined && early === undefined) return withProcess(state, i, CLOSED);
  return withProcess(state, i, { at: 'closed', owner: false, committed: undefined, kept, early });
}

/** Kafka: a commit takes effect. Its sender, if it still waits, hears of it, or only when it has given it up. */
export function coordinatorSteps(rules: Rules, state: State, steps: LoopSteps): void {
  for (const transaction of state.transactions) {
    const { by, position } = transaction;
    const sender = state.processes[by] as Process;
    const batch = sender.kept?.undecided?.position.token === position.token ? sender.kept.undecided : undefined;
    const waits = batch !== undefined && sender.at === 'committing';
    const applied = (): State => applyTransaction(rules, state, transaction);
    const answeredLate = (next: State): State => {
      if (batch === undefined || next.left.lateAnswers === 0) return next;
      return { ...spend(next, 'lateAnswers'), lateAnswers: [...next.lateAnswers, { to: by, batch }] };
    };
    steps.add(
      'Kafka',
      'committed',
      () => formatPosition(position),
      () => (waits ? heard(rules, applied(), by) : answeredLate(applied())),
    );
    if (waits && state.left.lostAnswers > 0) {
      steps.add(
        'Kafka',
        'committed',
        () => `${formatPosition(position)}, unknown to ${nameOf(by)}`,
        () => {
          return answeredLate(withProcess(spend(applied(), 'lostAnswers'), by, { ...sender, at: 'failed' }));
        },
      );
    }
  }
  for (const answer of state.lateAnswers) {
    steps.add(
      'Kafka',
      'late-answer',
      () => `commit ${String(answer.batch.position.token)} to ${nameOf(answer.to)}`,
      () => heardLate(rules, state, answer),
    );
  }
  state.plainCommits.forEach((position, index) => {
    steps.add(
      'Kafka',
      'committed',
      () => `outside of a transaction ${formatPosition(position)}`,
      () => {
        return {
          ...state,
          committed: position,
          plainCommits: state.plainCommits.filter((_, other) => other !== index),
        };
      },
    );
  });
}

/** The sender knows that its batch is committed. */
function heard(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  const { kept } = process;
  if (kept?.undecided === undefined) return state;
  const { position } = kept.undecided;
  const running = withProcess(state, i, { ...process, at: 'running', kept: decided(kept.memory, kept.undecided) });
  return rules.broken === 'offsetsOutside'
    ? { ...running, plainCommits: [...running.plainCommits, position] }
    : running;
}

/** Whoever gave a commit up asks for its outcome by fencing and reading: an answer to it is rejected from then on. */
function heardLate(rules: Rules, state: State, answer: LateAnswer): State {
  const rejected = { ...state, lateAnswers: state.lateAnswers.filter((other) => other !== answer) };
  const process = state.processes[answer.to] as Process;
  if (rules.broken !== 'takesLateAnswers' || process.kept === undefined) return rejected;
  return withProcess(rejected, answer.to, { ...process, kept: decided(process.kept.memory, answer.batch) });
}

/** What `closed` is told with where the state is that of another position. */
export const WHILE_RESTORING = 'fenced while it restores';

export const formatPosition = ({ offset, token }: Position): string => `${String(offset)} by commit ${String(token)}`;

export const formatMemory = ({ events, order, counted }: Memory): string =>
  `${String(counted)} counted, order ${['unknown', 'placed', 'paid'][order] ?? '?'}, events ${events.toString(2)}`;

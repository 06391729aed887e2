import { ProtocolViolation, type StepList } from '../../../../test/model-checking/model';
import type { FaultPoint } from '../../src/partitions/fault-points';
import type { Rules } from './bounds';
import { changesFrom, type Evaluation, fold, type Memory, possibleEvaluations } from './evaluation';
import { applyTransaction } from './kafka';
import {
  CLOSED,
  type Commit,
  type LateAnswer,
  type Process,
  type RestoredState,
  spend,
  type State,
  type Transaction,
  type UnknownOutcome,
  withoutAnswersTo,
  withProcess,
} from './state';

/** Names of the transitions: the fault points of the code, and what happens to the code from outside. */
export type Transition =
  FaultPoint | 'closed' | 'committed-read' | 'crashed' | 'failed' | 'late-answer' | 'read-before-fence' | 'settled';

type LoopSteps = StepList<State, Transition>;

/** A process in a state, and the list that takes its steps. */
interface StepContext {
  readonly rules: Rules;
  readonly state: State;
  /** Index of the process. */
  readonly i: number;
  readonly process: Process;
  readonly steps: LoopSteps;
}

const nameOf = (i: number): string => (i === 0 ? 'A' : 'B');
const noDetail = (): string => '';

export function processSteps(context: StepContext): void {
  membershipSteps(context);
  switch (context.process.at) {
    case 'closed':
    case 'failed':
      break;
    case 'fenced':
      readSteps(context);
      break;
    case 'committed-read':
      restoreSteps(context);
      break;
    case 'running':
      evaluateSteps(context);
      break;
    case 'committing':
      waitingSteps(context);
  }
}

/** Kills and assignments. */
function membershipSteps({ rules, state, i, process, steps }: StepContext): void {
  const me = nameOf(i);
  if (process !== CLOSED && state.left.crashes > 0) {
    steps.add(me, 'crashed', noDetail, () => {
      return withProcess(withoutAnswersTo(spend(state, 'crashes'), i), i, CLOSED);
    });
  }
  // Without an owner an assignment costs nothing. Otherwise it is a re-assignment, or a zombie that opens again.
  const isFree = !state.processes.some(({ owner }) => owner) || (process.owner && process.at === 'failed');
  if (!isFree && state.left.reassignments === 0) return;
  const readsEarly = rules.broken === 'readsBeforeFence' || rules.broken === 'restoresUntilEarlyEnd';
  if (readsEarly && process.early === undefined) {
    steps.add(
      me,
      'read-before-fence',
      () => formatCommit(state.committed),
      () => {
        return withProcess(state, i, { ...process, early: { committed: state.committed, state: state.stateTopic } });
      },
    );
    return;
  }
  steps.add(me, 'fenced', isFree ? noDetail : () => 're-assigned', () => {
    return fence(rules, isFree ? state : spend(state, 'reassignments'), i);
  });
}

/** InitProducerId returns after the transactions of all older producers have ended: one step ends them all. */
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
  const { restored, early } = process;
  return withProcess(fenced, i, { at: 'fenced', owner: true, committed: undefined, restored, early });
}

function readSteps({ rules, state, i, process, steps }: StepContext): void {
  const early = rules.broken === 'readsBeforeFence' ? process.early?.committed : undefined;
  const committed = early ?? state.committed;
  steps.add(
    nameOf(i),
    'committed-read',
    () => formatCommit(committed),
    () => {
      return withProcess(state, i, { ...process, at: 'committed-read', committed });
    },
  );
}

/** Brings the memory to the committed offset: as it is, with the batch of unknown outcome, or from the state topic. */
function restoreSteps({ rules, state, i, process, steps }: StepContext): void {
  const { committed } = process;
  if (committed === undefined) return;
  const settled = process.restored === undefined ? undefined : settle(rules, process.restored, committed);
  const run = (restored: RestoredState): State => {
    const { owner } = process;
    return withProcess(state, i, { at: 'running', owner, committed: undefined, restored, early: undefined });
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
  const memory = readStateTopic(rules, state, process);
  // Where nothing was committed, the state's own offset counts.
  if (!process.owner && committed.token > 0 && memory.counted !== committed.offset) {
    // A new owner has committed since. A process reads the committed offset again before it takes the state for wrong.
    steps.add(
      nameOf(i),
      'closed',
      () => WHILE_RESTORING,
      () => {
        if (rules.broken !== 'stopsThoughFenced') return release(state, i);
        throw new ProtocolViolation('stops: the state is of another offset');
      },
    );
    return;
  }
  steps.add(
    nameOf(i),
    'restored',
    () => formatMemory(memory),
    () => withoutAnswersTo(run({ memory, commit: committed, unknownOutcome: undefined }), i),
  );
}

/** Undefined if the committed offset belongs neither to the memory nor to the batch of unknown outcome. */
function settle({ broken }: Rules, restored: RestoredState, committed: Commit): RestoredState | undefined {
  const { memory, commit, unknownOutcome } = restored;
  const isCommitted = ({ offset, token }: Commit): boolean =>
    offset === committed.offset && (token === committed.token || broken === 'settlesByOffset');
  if (broken === 'settlesBlindly') return { memory, commit: committed, unknownOutcome: undefined };
  if (unknownOutcome !== undefined && isCommitted(unknownOutcome.commit)) {
    return broken === 'forgetsOverlay'
      ? { memory, commit: unknownOutcome.commit, unknownOutcome: undefined }
      : folded(memory, unknownOutcome);
  }
  return isCommitted(commit) ? { memory, commit, unknownOutcome: undefined } : undefined;
}

/** The memory with the changes of a committed batch. */
const folded = (memory: Memory, { changes, commit }: UnknownOutcome): RestoredState => ({
  memory: fold(memory, changes),
  commit,
  unknownOutcome: undefined,
});

function readStateTopic({ broken }: Rules, state: State, process: Process): Memory {
  if (broken === 'eventsNotRebuilt') return { ...state.stateTopic, events: 0 };
  if (broken === 'restoresUncommitted') return state.uncommittedState;
  if (broken === 'restoresUntilEarlyEnd' && process.early !== undefined) return process.early.state;
  return state.stateTopic;
}

/** Evaluates any number of the next records and sends the transaction: one step, as nothing is visible before. */
function evaluateSteps({ rules, state, i, process, steps }: StepContext): void {
  const { restored } = process;
  if (restored === undefined) return;
  const { offset } = restored.commit;
  const records = rules.bounds.input.slice(offset, offset + rules.bounds.maxBatch);
  if (records.length > 0 && !process.owner) {
    steps.add(
      nameOf(i),
      'closed',
      () => 'fenced at a commit',
      () => release(state, i),
    );
    return;
  }
  for (let count = 1; count <= records.length; count++) {
    for (const evaluation of possibleEvaluations(records.slice(0, count), restored.memory)) {
      const detail = (): string =>
        `${String(offset)} to ${String(offset + count - 1)} ${evaluation.outcomes.join(', ')}`;
      steps.add(nameOf(i), 'evaluated', detail, () => sendTransaction(rules, state, i, restored, evaluation));
    }
  }
}

function sendTransaction(
  { broken }: Rules,
  state: State,
  i: number,
  restored: RestoredState,
  { outcomes, memory }: Evaluation,
): State {
  const tokens = state.tokens + 1;
  const from = restored.commit.offset;
  const commit: Commit = { offset: from + outcomes.length, token: tokens };
  // A key that does not change is not written; the summary always is.
  const order = memory.order === restored.memory.order ? state.stateTopic.order : memory.order;
  const written = { events: memory.events, order, counted: memory.counted };
  const transaction: Transaction = { by: i, from, outcomes, state: written, commit };
  const memoryMeanwhile = broken === 'foldsBeforeOutcome' ? memory : restored.memory;
  const unknownOutcome: UnknownOutcome = { changes: changesFrom(memoryMeanwhile, memory), commit };
  const waiting: RestoredState = { ...restored, memory: memoryMeanwhile, unknownOutcome };
  const sent: State = {
    ...state,
    tokens,
    transactions: [...state.transactions, transaction],
    stateTopic: broken === 'stateOutside' ? written : state.stateTopic,
    uncommittedState: broken === 'restoresUncommitted' ? written : state.uncommittedState,
  };
  return withProcess(sent, i, { ...(state.processes[i] as Process), at: 'committing', restored: waiting });
}

function waitingSteps({ state, i, process, steps }: StepContext): void {
  const me = nameOf(i);
  if (!process.owner) {
    steps.add(
      me,
      'closed',
      () => 'fenced while it commits',
      () => release(state, i),
    );
    return;
  }
  if (state.left.lostAnswers > 0) {
    steps.add(
      me,
      'failed',
      () => 'stops waiting for the commit',
      () => {
        return withProcess(spend(state, 'lostAnswers'), i, { ...process, at: 'failed' });
      },
    );
  }
}

/** Closes the partition. The memory stays, for the case that the partition comes back. */
export function release(state: State, i: number): State {
  const { restored, early } = state.processes[i] as Process;
  if (restored === undefined && early === undefined) return withProcess(state, i, CLOSED);
  return withProcess(state, i, { at: 'closed', owner: false, committed: undefined, restored, early });
}

/** Kafka applies a commit. The answer reaches its sender in time, late, or not at all. */
export function coordinatorSteps(rules: Rules, state: State, steps: LoopSteps): void {
  for (const transaction of state.transactions) {
    const { by, commit } = transaction;
    const sender = state.processes[by] as Process;
    const unknownOutcome = sender.restored?.unknownOutcome;
    const batch = unknownOutcome?.commit.token === commit.token ? unknownOutcome : undefined;
    const waits = batch !== undefined && sender.at === 'committing';
    const applied = (): State => applyTransaction(rules, state, transaction);
    const answeredLate = (next: State): State => {
      if (batch === undefined || next.left.lateAnswers === 0) return next;
      return { ...spend(next, 'lateAnswers'), lateAnswers: [...next.lateAnswers, { to: by, batch }] };
    };
    steps.add(
      'Kafka',
      'committed',
      () => formatCommit(commit),
      () => (waits ? receiveAnswer(rules, applied(), by) : answeredLate(applied())),
    );
    if (waits && state.left.lostAnswers > 0) {
      steps.add(
        'Kafka',
        'committed',
        () => `${formatCommit(commit)}, unknown to ${nameOf(by)}`,
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
      () => `commit ${String(answer.batch.commit.token)} to ${nameOf(answer.to)}`,
      () => receiveLateAnswer(rules, state, answer),
    );
  }
  state.plainCommits.forEach((commit, index) => {
    steps.add(
      'Kafka',
      'committed',
      () => `outside of a transaction ${formatCommit(commit)}`,
      () => {
        return {
          ...state,
          committed: commit,
          plainCommits: state.plainCommits.filter((_, other) => other !== index),
        };
      },
    );
  });
}

/** The sender learns that its batch is committed. */
function receiveAnswer(rules: Rules, state: State, i: number): State {
  const process = state.processes[i] as Process;
  const { restored } = process;
  if (restored?.unknownOutcome === undefined) return state;
  const { commit } = restored.unknownOutcome;
  const next = folded(restored.memory, restored.unknownOutcome);
  const running = withProcess(state, i, { ...process, at: 'running', restored: next });
  return rules.broken === 'offsetsOutside' ? { ...running, plainCommits: [...running.plainCommits, commit] } : running;
}

/** A process that stopped waiting for a commit settles it by fencing and reading. It ignores the answer. */
function receiveLateAnswer(rules: Rules, state: State, answer: LateAnswer): State {
  const ignored = { ...state, lateAnswers: state.lateAnswers.filter((other) => other !== answer) };
  const process = state.processes[answer.to] as Process;
  if (rules.broken !== 'takesLateAnswers' || process.restored === undefined) return ignored;
  return withProcess(ignored, answer.to, { ...process, restored: folded(process.restored.memory, answer.batch) });
}

/** Detail of `closed` where the state is of another offset. */
export const WHILE_RESTORING = 'fenced while it restores';

export const formatCommit = ({ offset, token }: Commit): string => `${String(offset)} by commit ${String(token)}`;

export const formatMemory = ({ events, order, counted }: Memory): string =>
  `${String(counted)} counted, order ${['unknown', 'placed', 'paid'][order] ?? '?'}, events ${events.toString(2)}`;

import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import type { Bounds } from './bounds';
import { type Changes, type Memory, NOTHING, type Outcome } from './evaluation';

/** A commit of the partition's offset. The token identifies it among the commits of all processes. */
export interface Commit {
  readonly offset: number;
  readonly token: number;
}

/** A batch whose transaction may or may not be committed. */
export interface UnknownOutcome {
  readonly changes: Changes;
  readonly commit: Commit;
}

/** The state in a process's memory, with the commit that it is the state of. Stays when the partition is revoked. */
export interface RestoredState {
  readonly memory: Memory;
  readonly commit: Commit;
  readonly unknownOutcome: UnknownOutcome | undefined;
}

/** The state topic: the last value of each key. */
export interface StateTopic {
  readonly events: number;
  readonly order: number;
  readonly counted: number;
}

/** The validated records, dead letters, state changes and offset of a batch. Its commit request is sent. */
export interface Transaction {
  /** Index of the process. While it is `committing`, it waits for the outcome. */
  readonly by: number;
  /** Offset of the first record. */
  readonly from: number;
  readonly outcomes: readonly Outcome[];
  readonly state: StateTopic;
  readonly commit: Commit;
}

/** The answer to a commit whose sender has stopped waiting for it. */
export interface LateAnswer {
  /** Index of the process. It still has the memory that the batch was evaluated with. */
  readonly to: number;
  readonly batch: UnknownOutcome;
}

export interface Process {
  readonly at: 'closed' | 'fenced' | 'committed-read' | 'running' | 'committing' | 'failed';
  /** Whether its transactional producer is the one opened last. */
  readonly owner: boolean;
  /** What it read after it fenced. */
  readonly committed: Commit | undefined;
  readonly restored: RestoredState | undefined;
  /** What a broken loop read before it fenced. */
  readonly early: { readonly committed: Commit; readonly state: StateTopic } | undefined;
}

export type Budget = Pick<Bounds, 'crashes' | 'reassignments' | 'lostAnswers' | 'lateAnswers'>;

export interface State {
  /** Committed outcomes by offset of the input. */
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly committed: Commit;
  readonly stateTopic: StateTopic;
  /** The state topic with its aborted records, which only a broken loop reads. */
  readonly uncommittedState: StateTopic;
  readonly transactions: readonly Transaction[];
  /** Commits outside of transactions that have not arrived yet, which only a broken loop sends. */
  readonly plainCommits: readonly Commit[];
  /** Answers that have not arrived yet. */
  readonly lateAnswers: readonly LateAnswer[];
  readonly processes: readonly [Process, Process];
  /** The last token. */
  readonly tokens: number;
  /** Faults that are left. */
  readonly left: Budget;
}

export const CLOSED: Process = {
  at: 'closed',
  owner: false,
  committed: undefined,
  restored: undefined,
  early: undefined,
};

export function initialState({ input, crashes, reassignments, lostAnswers, lateAnswers }: Bounds): State {
  return {
    outcomes: Array.from(input, () => undefined),
    committed: { offset: 0, token: 0 },
    stateTopic: NOTHING,
    uncommittedState: NOTHING,
    transactions: [],
    plainCommits: [],
    lateAnswers: [],
    processes: [CLOSED, CLOSED],
    tokens: 0,
    left: { crashes, reassignments, lostAnswers, lateAnswers },
  };
}

export function withProcess(state: State, i: number, process: Process): State {
  const [first, second] = state.processes;
  return { ...state, processes: i === 0 ? [process, second] : [first, process] };
}

/** Drops the late answers to a process that was killed or has restored its memory. */
export const withoutAnswersTo = (state: State, i: number): State => {
  const lateAnswers = state.lateAnswers.filter(({ to }) => to !== i);
  return lateAnswers.length === state.lateAnswers.length ? state : { ...state, lateAnswers };
};

export const spend = (state: State, fault: keyof Budget): State => {
  return { ...state, left: { ...state.left, [fault]: state.left[fault] - 1 } };
};

// ---------------------------------------------------------------- canonical form

const AT = { closed: 0, fenced: 1, 'committed-read': 2, running: 3, committing: 4, failed: 5 } as const;
const OUTCOME = { accepted: 1, skipped: 2, rejected: 3 } as const;

/** Tokens are only compared, so they are numbered in the order in which they are encoded. */
const tokens: number[] = [];

/** Writes the state; `swapped` with its two processes interchanged. */
export function encodeState(state: State, swapped: boolean, out: Fingerprint): void {
  const { left } = state;
  const [first, second] = state.processes;
  tokens.length = 0;
  for (const outcome of state.outcomes) encodeOutcome(outcome, out);
  encodeCommit(state.committed, out);
  encodeMemory(state.stateTopic, out);
  encodeMemory(state.uncommittedState, out);
  encodeProcess(swapped ? second : first, out);
  encodeProcess(swapped ? first : second, out);
  out.add(state.transactions.length);
  for (const { by, from, outcomes, state: topic, commit } of state.transactions) {
    out.add(swapped ? 1 - by : by);
    out.add(from);
    out.add(outcomes.length);
    for (const outcome of outcomes) encodeOutcome(outcome, out);
    encodeMemory(topic, out);
    encodeCommit(commit, out);
  }
  out.add(state.plainCommits.length);
  for (const commit of state.plainCommits) encodeCommit(commit, out);
  out.add(state.lateAnswers.length);
  for (const { to, batch } of state.lateAnswers) {
    out.add(swapped ? 1 - to : to);
    encodeUnknownOutcome(batch, out);
  }
  out.add(left.crashes | (left.reassignments << 4) | (left.lostAnswers << 8) | (left.lateAnswers << 12));
}

function encodeProcess({ at, owner, committed, restored, early }: Process, out: Fingerprint): void {
  out.add(AT[at] | (owner ? 8 : 0) | (committed === undefined ? 0 : 16) | (restored === undefined ? 0 : 32));
  out.flag(early !== undefined);
  if (committed !== undefined) encodeCommit(committed, out);
  if (early !== undefined) {
    encodeCommit(early.committed, out);
    encodeMemory(early.state, out);
  }
  if (restored === undefined) return;
  encodeMemory(restored.memory, out);
  encodeCommit(restored.commit, out);
  out.flag(restored.unknownOutcome !== undefined);
  if (restored.unknownOutcome !== undefined) encodeUnknownOutcome(restored.unknownOutcome, out);
}

function encodeUnknownOutcome({ changes: { events, order, counted }, commit }: UnknownOutcome, out: Fingerprint): void {
  out.add(events);
  out.add((order ?? 3) | (counted << 2));
  encodeCommit(commit, out);
}

function encodeCommit({ offset, token }: Commit, out: Fingerprint): void {
  let name = tokens.indexOf(token);
  if (name < 0) name = tokens.push(token) - 1;
  out.add(offset);
  out.add(name);
}

function encodeMemory({ events, order, counted }: Memory, out: Fingerprint): void {
  out.add(events);
  out.add(order | (counted << 2));
}

function encodeOutcome(outcome: Outcome | undefined, out: Fingerprint): void {
  out.add(outcome === undefined ? 0 : OUTCOME[outcome]);
}

import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import type { Bounds } from './bounds';
import { type Changes, type Memory, NOTHING, type Outcome } from './evaluation';

/** As a commit leaves it. The token tells one instance's commit from any other. */
export interface Position {
  readonly offset: number;
  readonly token: number;
}

/** A batch whose transaction may or may not be committed: what it changes, and where it leads, if it is. */
export interface Undecided {
  readonly changes: Changes;
  readonly position: Position;
}

/** The state of a position, in an instance's memory. Survives the loss of the partition, not of the process. */
export interface Kept {
  readonly memory: Memory;
  readonly position: Position;
  readonly undecided: Undecided | undefined;
}

/** What the state topic says: the last value of each key. */
export interface StateTopic {
  readonly events: number;
  readonly order: number;
  readonly counted: number;
}

/** Validated records, dead letters, state changes and the position of a batch, with the commit on its way. */
export interface Transaction {
  /** Index of the process. It waits for the outcome while it is committing. */
  readonly by: number;
  /** Offset of the first record. */
  readonly from: number;
  readonly outcomes: readonly Outcome[];
  readonly state: StateTopic;
  readonly position: Position;
}

/** The answer to a commit whose sender waits for it no longer. */
export interface LateAnswer {
  /** Index of the process, which still has the memory that the batch was evaluated by. */
  readonly to: number;
  readonly batch: Undecided;
}

export interface Process {
  readonly at: 'closed' | 'fenced' | 'committed-read' | 'running' | 'committing' | 'failed';
  /** Its transactional producer is the one opened last. */
  readonly owner: boolean;
  /** What it read after it fenced; nothing else looks at it. */
  readonly committed: Position | undefined;
  readonly kept: Kept | undefined;
  /** What it read before it fenced, which only a broken loop looks at. */
  readonly early: { readonly committed: Position; readonly state: StateTopic } | undefined;
}

export type Budget = Pick<Bounds, 'crashes' | 'reassignments' | 'lostAnswers' | 'lateAnswers'>;

export interface State {
  /** By offset of the input: what readers of committed records see. */
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly committed: Position;
  readonly stateTopic: StateTopic;
  /** The state topic as it looks to who reads aborted records too, which only a broken loop does. */
  readonly uncommittedState: StateTopic;
  readonly transactions: readonly Transaction[];
  /** Positions committed outside of transactions that are under way, which only a broken loop has. */
  readonly plainCommits: readonly Position[];
  /** On their way. */
  readonly lateAnswers: readonly LateAnswer[];
  readonly processes: readonly [Process, Process];
  readonly tokens: number;
  readonly left: Budget;
}

export const CLOSED: Process = { at: 'closed', owner: false, committed: undefined, kept: undefined, early: undefined };

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

/** Nobody is there to hear them: the process has ended, or has another memory by now. */
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

/** Tokens are only ever compared: named in the order of their first mention. */
const tokens: number[] = [];

/** Writes the state; `swapped` with its two processes interchanged. */
export function encodeState(state: State, swapped: boolean, out: Fingerprint): void {
  const { left } = state;
  const [first, second] = state.processes;
  tokens.length = 0;
  for (const outcome of state.outcomes) encodeOutcome(outcome, out);
  encodePosition(state.committed, out);
  encodeTopic(state.stateTopic, out);
  encodeTopic(state.uncommittedState, out);
  encodeProcess(swapped ? second : first, out);
  encodeProcess(swapped ? first : second, out);
  out.add(state.transactions.length);
  for (const { by, from, outcomes, state: topic, position } of state.transactions) {
    out.add(swapped ? 1 - by : by);
    out.add(from);
    out.add(outcomes.length);
    for (const outcome of outcomes) encodeOutcome(outcome, out);
    encodeTopic(topic, out);
    encodePosition(position, out);
  }
  out.add(state.plainCommits.length);
  for (const position of state.plainCommits) encodePosition(position, out);
  out.add(state.lateAnswers.length);
  for (const { to, batch } of state.lateAnswers) {
    out.add(swapped ? 1 - to : to);
    encodeUndecided(batch, out);
  }
  out.add(left.crashes | (left.reassignments << 4) | (left.lostAnswers << 8) | (left.lateAnswers << 12));
}

function encodeProcess({ at, owner, committed, kept, early }: Process, out: Fingerprint): void {
  out.add(AT[at] | (owner ? 8 : 0) | (committed === undefined ? 0 : 16) | (kept === undefined ? 0 : 32));
  out.flag(early !== undefined);
  if (committed !== undefined) encodePosition(committed, out);
  if (early !== undefined) {
    encodePosition(early.committed, out);
    encodeTopic(early.state, out);
  }
  if (kept === undefined) return;
  encodeMemory(kept.memory, out);
  encodePosition(kept.position, out);
  out.flag(kept.undecided !== undefined);
  if (kept.undecided === undefined) return;
  encodeUndecided(kept.undecided, out);
}

function encodeUndecided({ changes: { events, order, counted }, position }: Undecided, out: Fingerprint): void {
  out.add(events);
  out.add((order ?? 3) | (counted << 2));
  encodePosition(position, out);
}

function encodePosition({ offset, token }: Position, out: Fingerprint): void {
  let name = tokens.indexOf(token);
  if (name < 0) name = tokens.push(token) - 1;
  out.add(offset);
  out.add(name);
}

function encodeMemory({ events, order, counted }: Memory, out: Fingerprint): void {
  out.add(events);
  out.add(order | (counted << 2));
}

function encodeTopic({ events, order, counted }: StateTopic, out: Fingerprint): void {
  out.add(events);
  out.add(order | (counted << 2));
}

function encodeOutcome(outcome: Outcome | undefined, out: Fingerprint): void {
  out.add(outcome === undefined ? 0 : OUTCOME[outcome]);
}

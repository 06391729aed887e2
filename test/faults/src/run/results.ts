import { type Fault, type Outcome } from '../faults/fault';
import { type Recovery } from './recovery';
import { isGreen, type Verdict } from './verdict';

/** A fault that was injected, and what happened. */
export interface InjectedFault {
  readonly fault: Fault;
  readonly outcome: Outcome;
  /** Whether another fault was injected at the same time. Both affect the times. */
  readonly isPaired: boolean;
  /** From its start to its end. */
  readonly seconds: number;
  readonly recoveries: readonly Recovery[];
  /** The fault could not be injected, a promise was broken, or a service did not recover. */
  readonly failures: readonly string[];
}

/** Faults under load, and the comparison of everything that was sent in the meantime. */
export interface Round {
  readonly injected: readonly InjectedFault[];
  readonly seconds: number;
  readonly pausedSeconds: number;
  readonly maxLag: number;
  readonly verdict: Verdict;
  /** The suite could not continue: this is the last round. */
  readonly isAborted: boolean;
}

export interface SuiteResult {
  /** Records that the generator had to send. */
  readonly planned: number;
  readonly rounds: readonly Round[];
  /** Over all rounds together. */
  readonly whole: Verdict;
  readonly seconds: number;
}

/** Whether every verdict is green, no fault failed, and no fewer records were compared than planned. */
export const isSuiteGreen = ({ planned, rounds, whole }: SuiteResult): boolean =>
  isGreen(whole) &&
  whole.accounts.generated >= planned &&
  rounds.every(({ verdict, injected }) => isGreen(verdict) && injected.every(({ failures }) => failures.length === 0));

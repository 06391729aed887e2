import { type Fault, type Outcome } from '../faults/fault';
import { type Recovery } from './positions';
import { isGreen, type Verdict } from './verdict';

/** A fault as it happened. */
export interface Inflicted {
  readonly fault: Fault;
  readonly outcome: Outcome;
  /** Whether it was not the only one of its moment: its times are not its own, then. */
  readonly isAccompanied: boolean;
  /** From its beginning to its end. */
  readonly seconds: number;
  readonly recoveries: readonly Recovery[];
  /** What went wrong, if something did: it could not be inflicted, a promise was broken, nobody came back. */
  readonly failures: readonly string[];
}

/** Faults under load, and the comparison of everything that was sent meanwhile. */
export interface Round {
  readonly inflicted: readonly Inflicted[];
  readonly seconds: number;
  readonly restedSeconds: number;
  readonly maxLag: number;
  readonly verdict: Verdict;
  /** The suite could not go on: no round follows. */
  readonly isGivenUp: boolean;
}

export interface SuiteResult {
  /** Records that the generator had to send. */
  readonly planned: number;
  readonly rounds: readonly Round[];
  /** Over all rounds together, once more. */
  readonly whole: Verdict;
  readonly seconds: number;
}

/** Whether the whole of it is as promised, and was as much as planned. */
export const isSuiteGreen = ({ planned, rounds, whole }: SuiteResult): boolean =>
  isGreen(whole) &&
  whole.accounts.generated >= planned &&
  rounds.every(
    ({ verdict, inflicted }) => isGreen(verdict) && inflicted.every(({ failures }) => failures.length === 0),
  );

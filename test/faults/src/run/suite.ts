import { setTimeout as delay } from 'node:timers/promises';

import { type Progress } from '../../../../dev/src/progress';
import { type Fault } from '../faults/fault';
import { type FaultStack } from '../stack/fault-stack';
import { Load } from './load';
import { Positions, type Recovery } from './positions';
import { type Rng } from './rng';
import { Books, isGreen, type Verdict } from './verdict';

const RECOVERY_DEADLINE_MS = 180_000;

/** A fault as it happened. */
export interface Inflicted {
  readonly fault: Fault;
  readonly detail: string | undefined;
  /** From its beginning to its end. */
  readonly seconds: number;
  readonly recoveries: readonly Recovery[];
  /** Why it did not recover, if it did not. */
  readonly failure: string | undefined;
}

/** Faults under load, and the comparison of everything that was sent meanwhile. */
export interface Round {
  readonly inflicted: readonly Inflicted[];
  readonly seconds: number;
  readonly restedSeconds: number;
  readonly maxLag: number;
  readonly verdict: Verdict;
}

export interface SuiteResult {
  readonly rounds: readonly Round[];
  /** Over all rounds together, once more. */
  readonly whole: Verdict;
  readonly seconds: number;
}

export interface SuitePlan {
  /** Each round's faults, in order; several in one list are inflicted at the same time. */
  readonly rounds: readonly (readonly (readonly Fault[])[])[];
  readonly recordsPerRound: number;
  readonly maxLag: number;
}

/** Whether the whole of it is as promised. */
export const isSuiteGreen = ({ rounds, whole }: SuiteResult): boolean =>
  isGreen(whole) &&
  rounds.every(({ verdict, inflicted }) => isGreen(verdict) && inflicted.every(({ failure }) => failure === undefined));

/** Runs the plan on a stack that is ready and empty. */
export async function runSuite(
  stack: FaultStack,
  plan: SuitePlan,
  rng: Rng,
  progress: Progress,
  signal: AbortSignal,
): Promise<SuiteResult> {
  const startedAt = performance.now();
  const positions = await Positions.connect(stack.kafka());
  try {
    const books = new Books(stack, positions, signal);
    const first = await books.open();
    const rounds: Round[] = [];
    for (const [index, faults] of plan.rounds.entries()) {
      progress.line(`Round ${String(index + 1)} of ${String(plan.rounds.length)}`);
      const round = await runRound({ stack, positions, books, plan, rng, progress, signal }, faults);
      rounds.push(round);
      progress.line(`  ${isGreen(round.verdict) ? 'green' : 'RED'}: ${describeVerdict(round.verdict)}`);
      for (const example of round.verdict.accounts.examples) progress.line(`    ${example}`);
    }
    progress.line('All rounds together');
    const whole = await books.close(first, false);
    progress.line(`  ${isGreen(whole) ? 'green' : 'RED'}: ${describeVerdict(whole)}`);
    return { rounds, whole, seconds: secondsSince(startedAt) };
  } finally {
    await positions.close();
  }
}

interface RoundContext {
  readonly stack: FaultStack;
  readonly positions: Positions;
  readonly books: Books;
  readonly plan: SuitePlan;
  readonly rng: Rng;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function runRound(context: RoundContext, faults: readonly (readonly Fault[])[]): Promise<Round> {
  const { stack, positions, books, plan, signal, progress } = context;
  const startedAt = performance.now();
  const opening = await books.open();
  const before = await positions.produced();
  const load = new Load(stack, positions, plan.maxLag);
  await load.start();
  const inflicted: Inflicted[] = [];
  try {
    for (const [index, together] of faults.entries()) {
      // Faults are spread over the records, not over time: each meets the load.
      const share = ((index + 0.5) / faults.length) * plan.recordsPerRound;
      await untilProduced(positions, before + share, signal);
      const results = await Promise.all(together.map((fault) => inflict(context, fault)));
      for (const result of results) progress.line(`  ${describeInflicted(result)}`);
      inflicted.push(...results);
    }
    await untilProduced(positions, before + plan.recordsPerRound, signal);
  } finally {
    stack.mend();
  }
  await load.stop();
  const seconds = secondsSince(startedAt);
  const forgot = faults.flat().some(({ losesMessages }) => losesMessages === true);
  const verdict = await books.close(opening, forgot);
  return { inflicted, seconds, restedSeconds: load.restedMs / 1_000, maxLag: load.maxLagSeen, verdict };
}

async function inflict({ stack, positions, rng }: RoundContext, fault: Fault): Promise<Inflicted> {
  const startedAt = performance.now();
  let detail: string | undefined;
  let endedAt = startedAt;
  try {
    detail = await fault.inflict(stack, rng);
    endedAt = performance.now();
    const recoveries = await Promise.all(
      fault.recovers.map((consumer) => positions.recovery(consumer, endedAt, RECOVERY_DEADLINE_MS)),
    );
    return { fault, detail, seconds: (endedAt - startedAt) / 1_000, recoveries, failure: undefined };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { fault, detail, seconds: secondsSince(startedAt), recoveries: [], failure };
  }
}

async function untilProduced(positions: Positions, goal: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + 30 * 60_000;
  for (;;) {
    signal.throwIfAborted();
    const produced = await positions.produced().catch(() => 0);
    if (produced >= goal) return;
    if (performance.now() > deadline) throw new Error(`the load stands at ${String(produced)} of ${String(goal)}`);
    await delay(200, undefined, { signal });
  }
}

export function describeVerdict({
  accounts,
  counterDifferences,
  stalled,
  wronglyRefused,
  lostByPubSub,
}: Verdict): string {
  const { generated, missing, duplicated, outOfOrder, unexplained, wrongVerdicts, refused, redelivered } = accounts;
  return [
    `${String(generated)} records, lost ${String(missing)}, doubled ${String(duplicated)}, out of order ${String(outOfOrder)}, unexplained ${String(unexplained)}, wrong verdicts ${String(wrongVerdicts)}`,
    `refused ${String(refused)}, redelivered ${String(redelivered)}`,
    ...(wronglyRefused === 0 ? [] : [`refused by nobody ${String(wronglyRefused)}`]),
    ...(lostByPubSub === 0 ? [] : [`lost by Pub/Sub and sent again ${String(lostByPubSub)}`]),
    ...counterDifferences,
    ...(stalled === undefined ? [] : [stalled]),
  ].join('; ');
}

function describeInflicted({ fault, detail, seconds, recoveries, failure }: Inflicted): string {
  const recovered = recoveries.map(
    ({ consumer, movedSeconds, caughtUpSeconds, backlog }) =>
      `${consumer} moved after ${movedSeconds.toFixed(1)} s, ${String(backlog)} records caught up after ${caughtUpSeconds.toFixed(1)} s`,
  );
  return [
    `${fault.name} (${seconds.toFixed(1)} s${detail === undefined ? '' : `, ${detail}`})`,
    ...recovered,
    ...(failure === undefined ? [] : [`FAILED: ${failure}`]),
  ].join('; ');
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

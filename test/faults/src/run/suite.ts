import { setTimeout as delay } from 'node:timers/promises';

import { type Progress } from '../../../../dev/src/progress';
import { type FaultStack } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';
import { describeInflicted, describeVerdict, textOf } from './describe';
import { inflictTogether } from './inflict';
import { Load } from './load';
import { Positions } from './positions';
import { Recoveries } from './recovery';
import { type Inflicted, type Round, type SuiteResult } from './results';
import { type Moment } from './schedule';
import { Books, isGreen, noVerdict, type Verdict } from './verdict';

const LOOK_INTERVAL_MS = 500;
const PRODUCED_DEADLINE_MS = 30 * 60_000;

export interface SuitePlan {
  /** Each round's moments, in order. */
  readonly rounds: readonly (readonly Moment[])[];
  readonly recordsPerRound: number;
  readonly maxLag: number;
}

/** Runs the plan on a stack that is ready and empty. */
export async function runSuite(
  stack: FaultStack,
  plan: SuitePlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<SuiteResult> {
  const startedAt = performance.now();
  const positions = await Positions.connect(stack.kafka());
  try {
    const books = new Books(stack, positions, signal);
    const first = await books.open();
    const rounds: Round[] = [];
    const recoveries = new Recoveries(positions, stack.tables());
    for (const [index, moments] of plan.rounds.entries()) {
      progress.line(`Round ${String(index + 1)} of ${String(plan.rounds.length)}`);
      const round = await runRound({ stack, positions, recoveries, books, plan, progress, signal }, moments);
      rounds.push(round);
      tell(progress, round.verdict);
      if (round.isGivenUp) break;
      // All of it is delivered: the emulator may forget it, which it never does by itself.
      if (isGreen(round.verdict)) await renew(stack.backend('pubsub-emulator'));
    }
    progress.line('All rounds together');
    const whole = await books.close(first, false).catch((error: unknown) => noVerdict(textOf(error)));
    signal.throwIfAborted();
    tell(progress, whole);
    return { rounds, whole, seconds: secondsSince(startedAt) };
  } finally {
    await positions.close();
  }
}

interface RoundContext {
  readonly stack: FaultStack;
  readonly positions: Positions;
  readonly recoveries: Recoveries;
  readonly books: Books;
  readonly plan: SuitePlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Does not reject but for the signal: what went wrong with the suite itself is the round's verdict. */
async function runRound(context: RoundContext, moments: readonly Moment[]): Promise<Round> {
  const { stack, positions, books, plan, signal } = context;
  const startedAt = performance.now();
  const load = new Load(stack, positions, plan.maxLag);
  const inflicted: Inflicted[] = [];
  const roundWith = (verdict: Verdict, isGivenUp: boolean): Round => ({
    inflicted,
    seconds: secondsSince(startedAt),
    restedSeconds: load.restedMs / 1_000,
    maxLag: load.maxLagSeen,
    verdict,
    isGivenUp,
  });
  try {
    const opening = await books.open();
    await load.start();
    await inflictAll(context, moments, inflicted);
    await load.stop();
    const round = roundWith(noVerdict('not compared'), false);
    const forgot = moments.flat().some(({ fault }) => fault.losesMessages === true);
    return { ...round, verdict: await books.close(opening, forgot) };
  } catch (error) {
    signal.throwIfAborted();
    load.abandon();
    return roundWith(noVerdict(textOf(error)), true);
  }
}

async function inflictAll(context: RoundContext, moments: readonly Moment[], inflicted: Inflicted[]): Promise<void> {
  const { stack, positions, books, plan, signal, progress } = context;
  const before = await positions.produced();
  try {
    for (const [index, moment] of moments.entries()) {
      // Faults are spread over the records, not over time: each meets the load.
      const share = ((index + 0.5) / moments.length) * plan.recordsPerRound;
      await untilProduced(positions, before + share, signal);
      const results = await inflictTogether({ ...context, planted: books.planted }, moment);
      for (const result of results) progress.line(`  ${describeInflicted(result)}`);
      inflicted.push(...results);
    }
    await untilProduced(positions, before + plan.recordsPerRound, signal);
  } finally {
    stack.mend();
  }
}

function tell(progress: Progress, verdict: Verdict): void {
  progress.line(`  ${isGreen(verdict) ? 'green' : 'RED'}: ${describeVerdict(verdict)}`);
  for (const example of verdict.accounts.examples) progress.line(`    ${example}`);
}

async function renew(instance: Instance): Promise<void> {
  await instance.replace();
  await instance.ready();
}

async function untilProduced(positions: Positions, goal: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PRODUCED_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const produced = await positions.produced().catch(() => 0);
    if (produced >= goal) return;
    if (performance.now() > deadline) throw new Error(`the load stands at ${String(produced)} of ${String(goal)}`);
    await delay(LOOK_INTERVAL_MS, undefined, { signal });
  }
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

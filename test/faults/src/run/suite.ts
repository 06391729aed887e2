import { setTimeout as delay } from 'node:timers/promises';
import { type Progress } from '../../../../dev/src';
import { type FaultStack } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';
import { describeInflicted, describeVerdict, textOf } from './describe';
import { inflictTogether } from './inflict';
import { Load } from './load';
import { Positions } from './positions';
import { Recoveries } from './recovery';
import { type Inflicted, type Round, type SuiteResult } from './results';
import { type RoundPlan, shareRecords } from './schedule';
import { Books, isGreen, noVerdict, type Verdict } from './verdict';

const LOOK_INTERVAL_MS = 500;
const SENT_DEADLINE_MS = 30 * 60_000;

export interface SuitePlan {
  readonly rounds: readonly RoundPlan[];
  /** That the generator is to send, in all rounds together. */
  readonly records: number;
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
    const records = shareRecords(plan.rounds, plan.records);
    for (const [index, moments] of plan.rounds.entries()) {
      progress.line(`Round ${String(index + 1)} of ${String(plan.rounds.length)}`);
      const context = { stack, positions, recoveries, books, plan, progress, signal };
      const round = await runRound(context, moments, records[index] ?? 0);
      rounds.push(round);
      tell(progress, round.verdict);
      if (round.isGivenUp) break;
      // All of it is delivered: the emulator may forget it, which it never does by itself.
      if (isGreen(round.verdict)) await renew(stack.backend('pubsub-emulator'));
    }
    progress.line('All rounds together');
    const whole = await books.close(first, { isWhole: true }).catch((error: unknown) => noVerdict(textOf(error)));
    signal.throwIfAborted();
    tell(progress, whole);
    return { planned: plan.records, rounds, whole, seconds: secondsSince(startedAt) };
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
async function runRound(context: RoundContext, moments: RoundPlan, records: number): Promise<Round> {
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
    await inflictAll(context, moments, records, inflicted);
    await load.stop();
    const round = roundWith(noVerdict('not compared'), false);
    const pubsubForgot = moments.flat().some(({ fault }) => fault.losesMessages === true);
    return { ...round, verdict: await books.close(opening, { pubsubForgot }) };
  } catch (error) {
    signal.throwIfAborted();
    load.abandon();
    return roundWith(noVerdict(textOf(error)), true);
  }
}

async function inflictAll(
  context: RoundContext,
  moments: RoundPlan,
  records: number,
  inflicted: Inflicted[],
): Promise<void> {
  const { stack, positions, books, signal, progress } = context;
  // What faults put into the raw topics is not the load.
  const sent = async (): Promise<number> => (await positions.produced()) - books.planted.sent;
  const before = await sent();
  try {
    for (const [index, moment] of moments.entries()) {
      // Faults are spread over the records, not over time: each meets the load.
      const share = ((index + 0.5) / moments.length) * records;
      await untilSent(sent, before + share, signal);
      const results = await inflictTogether({ ...context, planted: books.planted }, moment);
      for (const result of results) progress.line(`  ${describeInflicted(result)}`);
      inflicted.push(...results);
    }
    await untilSent(sent, before + records, signal);
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

async function untilSent(sent: () => Promise<number>, goal: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + SENT_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const records = await sent().catch(() => 0);
    if (records >= goal) return;
    if (performance.now() > deadline) throw new Error(`the load stands at ${String(records)} of ${String(goal)}`);
    await delay(LOOK_INTERVAL_MS, undefined, { signal });
  }
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

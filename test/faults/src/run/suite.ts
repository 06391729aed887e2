import { waitUntil } from '@orderstream/deadlines';

import { type Progress } from '../../../../dev/src';
import { type FaultStack } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';
import { CommittedOffsets } from './committed-offsets';
import { describeInjected, describeVerdict, textOf } from './describe';
import { injectTogether } from './inject';
import { Load } from './load';
import { Recoveries } from './recovery';
import { type InjectedFault, type Round, type SuiteResult } from './results';
import { RoundVerifier } from './round-verifier';
import { type RoundPlan, shareRecords } from './schedule';
import { isGreen, noVerdict, type Verdict } from './verdict';

const SENT_POLL_INTERVAL_MS = 500;
const SENT_DEADLINE_MS = 30 * 60_000;

export interface SuitePlan {
  readonly rounds: readonly RoundPlan[];
  /** Records of the generator, in all rounds together. */
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
  const offsets = await CommittedOffsets.connect(stack.kafka());
  try {
    const verifier = new RoundVerifier(stack, offsets, signal);
    const first = await verifier.start();
    const rounds: Round[] = [];
    const recoveries = new Recoveries(offsets, stack.tables());
    const records = shareRecords(plan.rounds, plan.records);
    for (const [index, moments] of plan.rounds.entries()) {
      progress.line(`Round ${String(index + 1)} of ${String(plan.rounds.length)}`);
      const context = { stack, offsets, recoveries, verifier, plan, progress, signal };
      const round = await runRound(context, moments, records[index] ?? 0);
      rounds.push(round);
      report(progress, round.verdict);
      if (round.isAborted) break;
      // The emulator retains every message. Everything is delivered, so a new process can replace it.
      if (isGreen(round.verdict)) await replaceAndAwait(stack.backend('pubsub-emulator'));
    }
    progress.line('All rounds together');
    const whole = await verifier.compare(first, { isWhole: true }).catch((error: unknown) => noVerdict(textOf(error)));
    signal.throwIfAborted();
    report(progress, whole);
    return { planned: plan.records, rounds, whole, seconds: secondsSince(startedAt) };
  } finally {
    await offsets.close();
  }
}

interface RoundContext {
  readonly stack: FaultStack;
  readonly offsets: CommittedOffsets;
  readonly recoveries: Recoveries;
  readonly verifier: RoundVerifier;
  readonly plan: SuitePlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Rejects only if the signal aborts. A failure of the suite itself is the verdict of the round. */
async function runRound(context: RoundContext, moments: RoundPlan, records: number): Promise<Round> {
  const { stack, offsets, verifier, plan, signal } = context;
  const startedAt = performance.now();
  const load = new Load(stack, offsets, plan.maxLag);
  const injected: InjectedFault[] = [];
  const roundWith = (verdict: Verdict, isAborted: boolean): Round => ({
    injected,
    seconds: secondsSince(startedAt),
    pausedSeconds: load.pausedMs / 1_000,
    maxLag: load.maxLagSeen,
    verdict,
    isAborted,
  });
  try {
    const start = await verifier.start();
    await load.start();
    await injectAll(context, moments, records, injected);
    await load.stop();
    const round = roundWith(noVerdict('not compared'), false);
    const pubsubLostMessages = moments.flat().some(({ fault }) => fault.losesMessages === true);
    return { ...round, verdict: await verifier.compare(start, { pubsubLostMessages }) };
  } catch (error) {
    signal.throwIfAborted();
    load.abandon();
    return roundWith(noVerdict(textOf(error)), true);
  }
}

async function injectAll(
  context: RoundContext,
  moments: RoundPlan,
  records: number,
  injected: InjectedFault[],
): Promise<void> {
  const { stack, offsets, verifier, signal, progress } = context;
  // Poison records do not count as load.
  const sent = async (): Promise<number> => (await offsets.produced()) - verifier.planted.sent;
  const before = await sent();
  try {
    for (const [index, moment] of moments.entries()) {
      // Faults are spread over the records, not over time, so that each has load.
      const share = ((index + 0.5) / moments.length) * records;
      await waitUntilSent(sent, before + share, signal);
      const results = await injectTogether(
        { ...context, planted: verifier.planted, archiveLog: (family) => verifier.archiveLog(family) },
        moment,
      );
      for (const result of results) progress.line(`  ${describeInjected(result)}`);
      injected.push(...results);
    }
    await waitUntilSent(sent, before + records, signal);
  } finally {
    stack.clearFaults();
  }
}

function report(progress: Progress, verdict: Verdict): void {
  progress.line(`  ${isGreen(verdict) ? 'green' : 'RED'}: ${describeVerdict(verdict)}`);
  for (const example of verdict.accounts.examples) progress.line(`    ${example}`);
}

async function replaceAndAwait(instance: Instance): Promise<void> {
  await instance.replace();
  await instance.ready();
}

async function waitUntilSent(sent: () => Promise<number>, goal: number, signal: AbortSignal): Promise<void> {
  await waitUntil(
    async () => {
      const records = await sent();
      if (records >= goal) return true;
      throw new Error(`${String(records)} of ${String(goal)} records`);
    },
    {
      what: 'the generator to send its records',
      deadlineMs: SENT_DEADLINE_MS,
      intervalMs: SENT_POLL_INTERVAL_MS,
      signal,
    },
  );
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

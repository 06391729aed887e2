import { type PlantedRecords } from '@orderstream/ledger';
import { Rng } from '@orderstream/random';

import { type Claim, type FaultContext, type Outcome } from '../faults/fault';
import { type FaultStack } from '../stack/fault-stack';
import { settledWithin } from '../stack/settled-within';
import { type CommittedOffsets } from './committed-offsets';
import { textOf } from './describe';
import { type Recoveries, type Recovery } from './recovery';
import { type InjectedFault } from './results';
import { type Moment, type ScheduledFault } from './schedule';

/**
 * Longer than the deadlines of all steps of a fault together, so that a fault that fails says at which step. Those of the
 * damaged batch add up to about 650 s, those of the re-created topic to about 770 s.
 */
const FAULT_DEADLINE_MS = 900_000;
const RECOVERY_DEADLINE_MS = 180_000;

export interface InjectionContext {
  readonly stack: FaultStack;
  readonly offsets: CommittedOffsets;
  readonly recoveries: Recoveries;
  readonly planted: PlantedRecords;
  readonly archiveLog: FaultContext['archiveLog'];
}

/** Injects all faults of a moment at the same time, and waits until every service has recovered. Never rejects. */
export function injectTogether(context: InjectionContext, moment: Moment): Promise<readonly InjectedFault[]> {
  return Promise.all(moment.map((scheduled) => inject(context, scheduled, moment)));
}

async function inject(context: InjectionContext, scheduled: ScheduledFault, moment: Moment): Promise<InjectedFault> {
  const { fault, seed } = scheduled;
  const others = moment.filter((other) => other !== scheduled);
  const claimed = new Set<Claim>(others.flatMap((other) => other.fault.claims));
  const startedAt = performance.now();
  let endedAt: number | undefined;
  let outcome: Outcome = {};
  let recoveries: readonly Recovery[] = [];
  const failures: string[] = [];
  try {
    const injection = fault.inject({ ...context, rng: Rng.seeded(seed), claimed });
    outcome = await settledWithin(injection, `${fault.name} to be injected`, FAULT_DEADLINE_MS);
    failures.push(...(outcome.broken ?? []));
    const since = (endedAt = performance.now());
    recoveries = await Promise.all(fault.recovers.map((service) => recover(context, service, since)));
  } catch (error) {
    failures.push(textOf(error));
    endedAt ??= performance.now();
  }
  return {
    fault,
    outcome,
    isPaired: others.length > 0,
    seconds: (endedAt - startedAt) / 1_000,
    recoveries,
    failures,
  };
}

/** Awaits recovery as its output shows it, and as the service reports it. */
async function recover(
  { stack, recoveries }: InjectionContext,
  service: Parameters<Recoveries['of']>[0],
  since: number,
): Promise<Recovery> {
  const recovery = await recoveries.of(service, since, RECOVERY_DEADLINE_MS);
  await stack.instance(service).ready();
  return recovery;
}

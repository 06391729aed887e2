import { setTimeout as delay } from 'node:timers/promises';

import { type PlantedRecords } from '@orderstream/ledger';
import { DeadlineError } from '@orderstream/deadlines';
import { type Claim, type Outcome } from '../faults/fault';
import { type FaultStack } from '../stack/fault-stack';
import { textOf } from './describe';
import { type Positions, type Recovery } from './positions';
import { type Recoveries } from './recovery';
import { Rng } from '@orderstream/random';
import { type Moment, type Scheduled } from './schedule';
import { type Inflicted } from './results';

/** Longer than the longest fault takes on a machine that has much else to do. */
const FAULT_DEADLINE_MS = 360_000;
const RECOVERY_DEADLINE_MS = 180_000;

export interface Surroundings {
  readonly stack: FaultStack;
  readonly positions: Positions;
  readonly recoveries: Recoveries;
  readonly planted: PlantedRecords;
}

/** Inflicts all faults of a moment at once, and waits until everybody has come back from them. Never rejects. */
export function inflictTogether(surroundings: Surroundings, moment: Moment): Promise<readonly Inflicted[]> {
  return Promise.all(moment.map((scheduled) => inflict(surroundings, scheduled, moment)));
}

async function inflict(surroundings: Surroundings, scheduled: Scheduled, moment: Moment): Promise<Inflicted> {
  const { fault, seed } = scheduled;
  const others = moment.filter((other) => other !== scheduled);
  const claimed = new Set<Claim>(others.flatMap((other) => other.fault.claims));
  const startedAt = performance.now();
  let endedAt = startedAt;
  let outcome: Outcome = {};
  let recoveries: readonly Recovery[] = [];
  const failures: string[] = [];
  try {
    outcome = await inTime(
      fault.inflict({ ...surroundings, rng: Rng.seeded(seed), claimed }),
      `${fault.name} to be inflicted`,
    );
    failures.push(...(outcome.broken ?? []));
    endedAt = performance.now();
    recoveries = await Promise.all(fault.recovers.map((who) => recover(surroundings, who, endedAt)));
  } catch (error) {
    failures.push(textOf(error));
    if (endedAt === startedAt) endedAt = performance.now();
  }
  return {
    fault,
    outcome,
    isAccompanied: others.length > 0,
    seconds: (endedAt - startedAt) / 1_000,
    recoveries,
    failures,
  };
}

/** By what it brings about, and by its own account of itself. */
async function recover(
  { stack, recoveries }: Surroundings,
  who: Parameters<Recoveries['of']>[0],
  since: number,
): Promise<Recovery> {
  const recovery = await recoveries.of(who, since, RECOVERY_DEADLINE_MS);
  await stack.instance(who).ready();
  return recovery;
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController();
  const late = delay(FAULT_DEADLINE_MS, undefined, { signal: timer.signal }).then(() => {
    throw new DeadlineError(what, FAULT_DEADLINE_MS);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

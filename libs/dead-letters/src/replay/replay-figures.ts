import { type PlanState, type ReceiptOutcome, TRANSITIONS } from './plan';
import { type PlanRecord } from './plan-events';
import { type Tally } from './plan-log';

/** All plans in numbers. */
export interface ReplayFigures {
  readonly plans: Readonly<Record<PlanState, number>>;
  readonly letters: Readonly<Record<ReceiptOutcome | 'cameBack', number>>;
  /** Receipts per second, lately, of all plans that run. */
  readonly ratePerSecond: number;
  /** Longest time without a receipt or a change of a plan that makes progress by itself, or that an error has paused. */
  readonly idleSeconds: number;
}

export function replayFigures(
  plans: Iterable<PlanRecord>,
  tallyOf: (plan: string) => Pick<Tally, 'counts' | 'lastMs' | 'rate'>,
  nowMs: number,
): ReplayFigures {
  const byState = Object.fromEntries(Object.keys(TRANSITIONS).map((state) => [state, 0])) as Record<PlanState, number>;
  const letters = { returned: 0, parked: 0, skipped: 0, rejected: 0, cameBack: 0 };
  let ratePerSecond = 0;
  let idleMs = 0;
  for (const plan of plans) {
    const tally = tallyOf(plan.created.plan);
    byState[plan.state]++;
    for (const outcome of ['returned', 'parked', 'skipped', 'rejected'] as const)
      letters[outcome] += tally.counts[outcome];
    letters.cameBack += plan.cameBack;
    if (plan.state === 'running') ratePerSecond += tally.rate(nowMs);
    if (isToProgress(plan)) idleMs = Math.max(idleMs, nowMs - Math.max(tally.lastMs, Date.parse(plan.changedAt)));
  }
  return { plans: byState, letters, ratePerSecond, idleSeconds: idleMs / 1_000 };
}

/** A plan that an operator has paused has no outcome. */
const isToProgress = ({ state, outcome }: PlanRecord): boolean =>
  state === 'previewing' || state === 'running' || (state === 'paused' && outcome !== undefined);

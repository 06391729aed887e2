import { isEnded, type Plan, type Progress } from './plan';
import { type PlanBook, type PlanRecord } from './plan-events';
import { type Tally } from './plan-log';

/** A plan as operators see it. */
export function planOf(record: PlanRecord, tally: Tally, book: PlanBook, nowMs: number): Plan {
  const { created, revision, state, preview, error, outcome, endedAt } = record;
  const { plan: id, topic, filter, edit, options, actor, at, note } = created;
  const first = state === 'waiting' ? book.firstOn(topic)?.created.plan : undefined;
  const progress: Progress = {
    ...tally.counts,
    cameBack: record.cameBack,
    total: preview?.total ?? 0,
    ...(state === 'running' ? { currentRatePerSecond: tally.rate(nowMs) } : {}),
  };
  return {
    id,
    revision,
    state,
    topic,
    filter,
    ...(edit === undefined ? {} : { edit }),
    options,
    createdBy: actor,
    createdAt: at,
    ...(note === undefined ? {} : { note }),
    ...(preview === undefined ? {} : { preview }),
    progress,
    ...(first === undefined || first === id ? {} : { waitingFor: first }),
    ...(isEnded(state) && endedAt !== undefined ? { endedAt } : {}),
    ...(error === undefined ? {} : { error }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

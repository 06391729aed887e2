import { RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { type Segment } from '../../cursor/segment';
import { type Marketplace } from '../../marketplace';
import { Draws } from '../../random/draws';
import { type NumberedEvent } from '../../simulated-event';
import { inOrder, intentOf } from '../expected-verdict';
import { goodRecord } from '../good-record';
import { type Intent, type SimulatedRecord } from '../simulated-record';
import { Bases, DEFECT_DRAW, type Moment } from './bases';
import { type Choice, DefectPlan } from './defect-plan';
import { type Draft, recordOf, seal } from './draft';
import { makeBase, nameOf, rankOf, type Spec } from './spec';
import { STATE_SPECS } from './state';
import { STRUCTURE_SPECS } from './structure';

export const SPECS: readonly Spec[] = [...STRUCTURE_SPECS, ...STATE_SPECS];

/** The names of the records that repeat others: the rule duplicate.event skips them. */
export const REPEATS = ['duplicate.event/again', 'duplicate.event/batch'] as const;
const BATCH_SHARE = 0.1;
const TWO_32 = 2 ** 32;

const byRule = (isNearMiss: boolean): ReadonlyMap<RuleCode, readonly Spec[]> =>
  new Map(
    RULE_CODES.map((code) => [code, SPECS.filter((spec) => spec.rule === code && spec.isNearMiss === isNearMiss)]),
  );
const DEFECTS = byRule(false);
const NEAR_MISSES = byRule(true);

/**
 * The records that follow an event, as a function of (seed, segment, n) and the event.
 *
 * The event itself is always sent as it is. Every defect is an additional record, with ids of its own, so nothing that
 * follows in the simulation depends on it: no lifecycle breaks, and a rejected record leaves no state. Some defects need
 * a record before them that is accepted, such as the order that another one duplicates: it is additional, too.
 */
export class Defects {
  private readonly plan: DefectPlan;
  private readonly draws: Draws;
  private readonly bases: Bases;

  constructor(
    private readonly segment: Segment,
    marketplace: Marketplace,
  ) {
    this.plan = new DefectPlan(segment.scenario.defects, segment.defectRate);
    this.draws = new Draws(marketplace.key, `defects of ${segment.id}`);
    this.bases = new Bases(marketplace, segment.startMs);
  }

  /** Whether anything may follow an event. */
  get exist(): boolean {
    return this.plan.share > 0;
  }

  /** @param batch the last events, this one among them */
  after(event: NumberedEvent, batch: readonly NumberedEvent[]): readonly SimulatedRecord[] {
    const draws = this.draws.select(event.n | 0, Math.floor(event.n / TWO_32));
    const choice = this.plan.choose(draws.fraction(DEFECT_DRAW.choice));
    if (choice === undefined) return NONE;
    if (choice.kind === 'defect' && choice.rules[0] === 'duplicate.event') {
      const isBatch = draws.fraction(DEFECT_DRAW.variant) < BATCH_SHARE;
      return isBatch ? this.repeat(event, batch, REPEATS[1]) : this.repeat(event, [event], REPEATS[0]);
    }
    return this.make(event, specsOf(choice, draws));
  }

  /** The records that are made by these specifications: one record at the end has all of them. */
  make(event: NumberedEvent, specs: readonly Spec[]): readonly SimulatedRecord[] {
    const draws = this.draws.select(event.n | 0, Math.floor(event.n / TWO_32));
    const moment: Moment = { event, draws, micros: event.emittedMicros };
    const [base] = specs.map((spec) => spec.base).sort((a, b) => rankOf(b) - rankOf(a));
    if (base === undefined) return NONE;
    const drafts = makeBase(base, this.bases, moment);
    if (drafts.includes(undefined)) return NONE;
    return drafts.map((draft, index) => {
      const copy = index + 1;
      const isLast = copy === drafts.length;
      return this.record(draft as Draft, copy, isLast ? specs : [], moment);
    });
  }

  private record(draft: Draft, copy: number, specs: readonly Spec[], moment: Moment): SimulatedRecord {
    const { n, emittedMicros } = moment.event;
    for (const { edit } of specs) edit?.(draft, moment, this.bases);
    seal(draft, this.idOf(n, copy));
    // Backwards: the size of the headers is set when all of them are there.
    for (const { spoil } of specs.toReversed()) spoil?.(draft, moment, this.bases);
    const fires = specs.flatMap((spec) => spec.fires);
    const intent = intentOf(specs.map(nameOf).join(' + '), fires, draft, emittedMicros);
    return recordOf(draft, { n, copy, emittedMicros }, specs.length === 0 ? { ...intent, defect: null } : intent);
  }

  /** The same records again. */
  private repeat(event: NumberedEvent, repeated: readonly NumberedEvent[], defect: string): readonly SimulatedRecord[] {
    const { n, emittedMicros } = event;
    return repeated.map((earlier, index) => {
      const copy = index + 1;
      // The earlier record is sent already, with the headers of its event.
      const again = { ...earlier, headers: { ...earlier.headers } };
      const record = goodRecord(again, this.idOf(n, copy));
      const intent: Intent = { ...record.intent, defect, expected: 'skip', rules: ['duplicate.event'] };
      return { ...record, n, copy, emittedMicros, intent };
    });
  }

  private idOf(n: number, copy: number): string {
    return `${this.segment.id}:${n}.${copy}`;
  }
}

const NONE: readonly never[] = [];

/** One of these by weight. */
function pick(specs: readonly Spec[], draws: Draws): Spec | undefined {
  let place = draws.fraction(DEFECT_DRAW.variant) * specs.reduce((sum, { weight }) => sum + weight, 0);
  return specs.find(({ weight }) => (place -= weight) < 0);
}

/** In the order of the rules. */
function specsOf(choice: Choice, draws: Draws): readonly Spec[] {
  if (choice.kind === 'near-miss') {
    const spec = pick(NEAR_MISSES.get(choice.rule) ?? [], draws);
    return spec === undefined ? [] : [spec];
  }
  const [only] = choice.rules;
  if (choice.rules.length === 1 && only !== undefined) {
    const spec = pick(DEFECTS.get(only) ?? [], draws);
    return spec === undefined ? [] : [spec];
  }
  return inOrder(choice.rules).flatMap((code) => (DEFECTS.get(code) ?? []).filter(({ combines }) => combines));
}

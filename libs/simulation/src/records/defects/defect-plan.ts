import { type RuleCode } from '@orderstream/contracts';
import { type Scenario } from '../../scenario/schema';
import { INJECTED_RULES, NOT_INJECTED } from '../combinations';

/** Near misses for each defect, where the scenario does not say it. */
const NEAR_MISSES_PER_DEFECT = 0.25;

/** What follows an event: a record that breaks these rules, or one that just does not break this one. */
export type Choice =
  | { readonly kind: 'defect'; readonly rules: readonly RuleCode[] }
  | { readonly kind: 'near-miss'; readonly rule: RuleCode };

type DefectRates = Scenario['defects'];

/** Which share of the events is followed by what. */
export class DefectPlan {
  /** By the upper end of its share. */
  private readonly choices: (Choice & { readonly until: number })[] = [];
  /** Share of the events that are followed by a defect or a near miss. */
  readonly share: number;

  /** @param defectRate replaces that of the scenario: see `Segment` */
  constructor(rates: DefectRates, defectRate?: number) {
    const others = INJECTED_RULES.filter((code) => rates.rules[code] === undefined);
    const total = sumOf(rates);
    const hasDefects = total > 0;
    const factor = defectRate === undefined ? 1 : hasDefects ? defectRate / total : 0;
    const evenly = defectRate !== undefined && !hasDefects ? defectRate / INJECTED_RULES.length : 0;
    let until = 0;
    const add = (choice: Choice, share: number): void => {
      if (share === 0) return;
      until += share;
      this.choices.push({ ...choice, until });
    };
    for (const code of INJECTED_RULES) {
      const rate = rates.rules[code] ?? rates.rate / Math.max(1, others.length);
      add({ kind: 'defect', rules: [code] }, evenly + factor * rate);
    }
    for (const { rules, rate } of rates.combinations) add({ kind: 'defect', rules }, factor * rate);
    const nearMisses = evenly > 0 ? until * NEAR_MISSES_PER_DEFECT : factor * nearMissesOf(rates);
    const near = [...INJECTED_RULES, ...NOT_INJECTED];
    for (const rule of near) add({ kind: 'near-miss', rule }, nearMisses / near.length);
    this.share = until;
  }

  /** @param fraction uniform between 0 and 1 */
  choose(fraction: number): Choice | undefined {
    if (fraction >= this.share) return undefined;
    return this.choices.find(({ until }) => fraction < until);
  }
}

/** Share of the events of a scenario that are followed by a defective record. */
export const defectRateOf = ({ defects }: Scenario): number => sumOf(defects);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const sumOf = ({ rate, rules, combinations }: DefectRates): number =>
  rate + sum(Object.values(rules)) + sum(combinations.map((combination) => combination.rate));

const nearMissesOf = (rates: DefectRates): number => rates.nearMisses ?? NEAR_MISSES_PER_DEFECT * sumOf(rates);

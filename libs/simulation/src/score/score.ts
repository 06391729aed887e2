import { type ExpectedOutcome, RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { type Findings } from '../records/expected-verdict';

/** How well the rules find what was injected. */
export interface RuleScore {
  readonly code: RuleCode;
  /** Records on which the rule must fire. */
  readonly injected: number;
  /** Those of them on which it fired. */
  readonly found: number;
  readonly missed: number;
  /** Records on which it fired and must not. */
  readonly falseAlarms: number;
  /** Share of the records on which it fired that it must fire on; null if it never fired. */
  readonly precision: number | null;
  /** Share of the injected records that were found; null if there are none. */
  readonly recall: number | null;
}

type OutcomeCounts = Readonly<Record<'accepted' | 'repaired' | 'skipped' | 'deadLettered', number>>;

/** The counters of the validator, summed over its partitions. */
export type Counters = OutcomeCounts & {
  readonly input: number;
  readonly passedOver: number;
  readonly flagged: number;
};

export interface ScoreAccounting {
  /** Records that were sent. */
  readonly records: number;
  /** What became of them. `missing`: no result was found. */
  readonly results: OutcomeCounts & { readonly missing: number };
  /** Records whose outcome, or first reason, is not the expected one. */
  readonly unexpected: number;
  readonly counters: Counters;
  /**
   * Whether every sum agrees: the validator counts as many records as were sent; its outcomes add up to them; each outcome
   * counts as many as results were found; and none is missing.
   */
  readonly addsUp: boolean;
}

export interface ScoreReport {
  /** Events of the simulation, after the announcement of the catalog. */
  readonly events: number;
  /** In the order of `RULE_CODES`. */
  readonly rules: readonly RuleScore[];
  readonly accounting: ScoreAccounting;
}

const OUTCOMES = ['accepted', 'repaired', 'skipped', 'deadLettered'] as const;

const outcomeName = (outcome: ExpectedOutcome): (typeof OUTCOMES)[number] => {
  switch (outcome) {
    case 'accept':
      return 'accepted';
    case 'repair':
      return 'repaired';
    case 'skip':
      return 'skipped';
    default:
      return 'deadLettered';
  }
};

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Compares what the rules found in each record with what they must find. */
export class Score {
  private records = 0;
  private missing = 0;
  private unexpected = 0;
  private readonly results = { accepted: 0, repaired: 0, skipped: 0, deadLettered: 0 };
  private readonly counts = new Map(RULE_CODES.map((code) => [code, { injected: 0, found: 0, falseAlarms: 0 }]));

  /** @param got undefined if no result of the record was found */
  add(expected: Findings, got: Findings | undefined): void {
    this.records++;
    for (const code of expected.rules) this.count(code, 'injected');
    if (got === undefined) {
      this.missing++;
      return;
    }
    this.results[outcomeName(got.outcome)]++;
    if (got.outcome !== expected.outcome) this.unexpected++;
    for (const code of got.rules) this.count(code, expected.rules.includes(code) ? 'found' : 'falseAlarms');
  }

  /** @param counters what the validator has counted for these records */
  report(events: number, counters: Counters): ScoreReport {
    const { records, missing, results, unexpected } = this;
    const counted = OUTCOMES.reduce((sum, name) => sum + counters[name], counters.passedOver);
    const addsUp =
      missing === 0 &&
      counters.input === records &&
      counted === records &&
      OUTCOMES.every((name) => counters[name] === results[name]);
    const { input, accepted, repaired, skipped, deadLettered, passedOver, flagged } = counters;
    return {
      events,
      rules: RULE_CODES.map((code) => this.ruleScore(code)),
      accounting: {
        records,
        results: { ...results, missing },
        unexpected,
        counters: { input, accepted, repaired, skipped, deadLettered, passedOver, flagged },
        addsUp,
      },
    };
  }

  private ruleScore(code: RuleCode): RuleScore {
    const { injected, found, falseAlarms } = this.counts.get(code) ?? { injected: 0, found: 0, falseAlarms: 0 };
    return {
      code,
      injected,
      found,
      missed: injected - found,
      falseAlarms,
      precision: share(found, found + falseAlarms),
      recall: share(found, injected),
    };
  }

  private count(code: RuleCode, what: 'injected' | 'found' | 'falseAlarms'): void {
    const counts = this.counts.get(code);
    if (counts !== undefined) counts[what]++;
  }
}

/** Whether every rule finds all that was injected and nothing else, and every sum agrees. */
export const isPerfect = ({ rules, accounting }: ScoreReport): boolean =>
  accounting.addsUp &&
  accounting.unexpected === 0 &&
  rules.every(({ missed, falseAlarms }) => missed === 0 && falseAlarms === 0);

const HEAD = ['rule', 'injected', 'found', 'missed', 'false alarms', 'precision', 'recall'];
const decimals = (value: number | null): string => {
  if (value === null) return '-';
  // 0.99999 is not 1.
  return value === 1 ? '1' : (Math.floor(value * 10_000) / 10_000).toFixed(4);
};

/** The report as a table, with the sums below it. */
export function renderScore({ events, rules, accounting }: ScoreReport): string {
  const rows = [
    HEAD,
    ...rules.map(({ code, injected, found, missed, falseAlarms, precision, recall }) => [
      code,
      ...[injected, found, missed, falseAlarms].map(String),
      decimals(precision),
      decimals(recall),
    ]),
  ];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const { records, results, unexpected, counters, addsUp } = accounting;
  const { accepted, repaired, skipped, deadLettered, missing } = results;
  return [
    ...lines,
    '',
    `${events} events in ${records} records: ${accepted} accepted + ${repaired} repaired + ${skipped} skipped + ` +
      `${deadLettered} dead letters + ${missing} missing; ${unexpected} with another outcome than expected`,
    `The validator counts ${counters.input}: ${counters.accepted} accepted, of them ${counters.flagged} flagged, + ` +
      `${counters.repaired} repaired + ${counters.skipped} skipped + ${counters.deadLettered} dead letters + ` +
      `${counters.passedOver} left out: ${addsUp ? 'the sums agree' : 'THE SUMS DIFFER'}`,
    '',
  ].join('\n');
}

import { type Family, RULE_CODES } from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import {
  Catalog,
  RuleEvaluator,
  PartitionState,
  qualitySettings,
  StateOverlay,
  type Verdict,
} from '@orderstream/quality';
import { DEFECTS } from '../defects';
import { createPools } from './pools';
import { type SimulatedRecord } from './record';
import { STEADY_TRADE } from './scenarios/steady-trade';
import { Sequence } from './sequence';

const START_MS = Date.parse('2026-03-01T10:00:00Z');
const POOLS = createPools(7);

const outcomeOf = (verdict: Verdict): string => {
  if (verdict.kind === 'reject') return `reject:${verdict.reasons[0]?.code ?? '?'}`;
  return verdict.kind;
};

/** The validator's rules with their state. */
class Validator {
  private readonly settings = qualitySettings();
  private readonly catalog = new Catalog();
  private readonly evaluators = new Map<Family, RuleEvaluator>();
  private readonly states = new Map<string, PartitionState>();
  private evaluated = 0;

  evaluate(record: SimulatedRecord, appendMs: number): Verdict {
    const { family, partition, key, value, headers } = record;
    let evaluator = this.evaluators.get(family);
    if (evaluator === undefined) {
      evaluator = new RuleEvaluator({ family, settings: this.settings, partitionOf: (k) => partitionFor(k) });
      this.evaluators.set(family, evaluator);
    }
    const place = `${family}/${partition.toString()}`;
    const state = this.states.get(place) ?? new PartitionState();
    this.states.set(place, state);
    const overlay = new StateOverlay(state);
    overlay.advanceTo(appendMs, appendMs);
    const raw = { partition, timestamp: appendMs, key: key === null ? null : Buffer.from(key), value, headers };
    const { verdict, changes } = evaluator.evaluate(raw, overlay, this.catalog, true);
    overlay.settle(verdict, changes);
    overlay.fold(++this.evaluated);
    if (family === 'catalog' && value !== null && verdict.kind === 'accept') {
      this.catalog.apply(JSON.parse(value.toString()));
    }
    return verdict;
  }
}

interface Simulation {
  readonly seed: number;
  readonly tickMs: number;
  readonly records: number;
  readonly defectRate: number;
  /** Records per batch. Its references are evaluated before its activities, so the validator's catalog may be ahead. */
  readonly batch: number;
  /** How far the virtual clock is behind the append time. */
  readonly behindMs: number;
  /** Each batch of this number loses its records from some point of each partition on; undefined: none. */
  readonly loseEvery?: number;
}

const isReference = ({ family }: SimulatedRecord): boolean => family === 'catalog' || family === 'customers';

/** The records of a failed batch that the topics have: the first of each partition, activities only after all references. */
function delivered(batch: readonly SimulatedRecord[], seed: number): Set<SimulatedRecord> {
  const rest = new Map<string, number>();
  const got = batch.filter(({ family, partition }) => {
    const place = `${family}/${partition.toString()}`;
    const left = rest.get(place) ?? (seed * 31 + place.length * 7 + partition * 13) % 40;
    rest.set(place, left - 1);
    return left > 0;
  });
  const references = batch.filter(isReference);
  const complete = references.every((record) => got.includes(record));
  return new Set(complete ? got : got.filter(isReference));
}

/** Evaluates the records of a simulation. `wrong` are unexpected verdicts, `seen` the number of records by defect. */
function evaluate(simulation: Simulation): { wrong: string[]; seen: Map<string, number> } {
  const sequence = new Sequence({ marketplaceId: 'test', seed: simulation.seed }, POOLS, STEADY_TRADE);
  const segment = { firstSeq: 0, startMs: START_MS, tickMs: simulation.tickMs, defectRate: simulation.defectRate };
  sequence.begin(segment);
  const validator = new Validator();
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  for (let number = 1; number * simulation.batch <= simulation.records; number++) {
    const unknownFrom = sequence.nextSeq;
    const batch: SimulatedRecord[] = [];
    const appendMs = new Map<number, number>();
    for (let i = 0; i < simulation.batch; i++) {
      const record = sequence.next();
      batch.push(record);
      appendMs.set(record.seq, sequence.lastMs + simulation.behindMs);
    }
    const isLost = simulation.loseEvery !== undefined && number % simulation.loseEvery === 0;
    const there = isLost ? delivered(batch, number) : undefined;
    const inOrder = [...batch.filter(isReference), ...batch.filter((record) => !isReference(record))];
    for (const record of inOrder) {
      if (there?.has(record) === false) continue;
      const verdict = validator.evaluate(record, appendMs.get(record.seq) ?? 0);
      const name = record.defect ?? 'good';
      seen.set(name, (seen.get(name) ?? 0) + 1);
      if (outcomeOf(verdict) === record.expected) continue;
      const { seq, family, expected } = record;
      wrong.push(`${seq.toString()} ${name} in ${family}: ${expected}, got ${JSON.stringify(verdict)}`);
    }
    if (isLost) {
      sequence.begin({ ...segment, firstSeq: sequence.nextSeq, startMs: sequence.lastMs + 1_000, unknownFrom });
    }
  }
  return { wrong, seen };
}

const NOMINAL: Simulation = { seed: 1, tickMs: 20, records: 50_000, defectRate: 0.05, batch: 500, behindMs: 40 };

describe('the expected outcome', () => {
  it('is the verdict of the rules on each of 50,000 records at the nominal rate', () => {
    const { wrong, seen } = evaluate(NOMINAL);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(seen.get('good')).toBeGreaterThan(47_000);
  }, 60_000);

  it.each<Simulation>([
    { seed: 2, tickMs: 0.01, records: 10_000, defectRate: 0.3, batch: 2_000, behindMs: 0 },
    { seed: 3, tickMs: 1_000, records: 10_000, defectRate: 0.3, batch: 1, behindMs: 48 * 3_600_000 },
    { seed: 4, tickMs: 0.1, records: 10_000, defectRate: 0, batch: 1_000, behindMs: 1_000 },
  ])(
    'is the verdict of the rules at other rates and defect rates: %j',
    (simulation) => {
      expect(evaluate(simulation).wrong.slice(0, 5)).toEqual([]);
    },
    60_000,
  );

  it.each([1, 3, 10])(
    'is the verdict of the rules on what is delivered when every %i. batch is lost in part',
    (loseEvery) => {
      const simulation = { ...NOMINAL, seed: 5, records: 10_000, defectRate: 0.1, batch: 400, loseEvery };
      expect(evaluate(simulation).wrong.slice(0, 5)).toEqual([]);
    },
    60_000,
  );

  it('covers every defect, and every rule that rejects', () => {
    const { seen } = evaluate({ ...NOMINAL, seed: 6, records: 20_000, defectRate: 0.5 });
    const missing = DEFECTS.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
    expect(missing).toEqual([]);
    const rejecting = DEFECTS.map(({ expected }) => expected).filter((expected) => expected.startsWith('reject:'));
    const unbroken = RULE_CODES.filter((code) => !rejecting.includes(`reject:${code}`));
    // Rules that flag, skip or repair, and the one for an error in a rule.
    expect(unbroken).toEqual([
      'time.too_late',
      'duplicate.event',
      'drift.vendor',
      'drift.product',
      'drift.customer',
      'internal.rule_failed',
    ]);
  }, 60_000);
});

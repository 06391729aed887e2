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

/** The validator's rules over records, with its state, as if nothing ever failed. */
class Validator {
  private readonly settings = qualitySettings();
  private readonly catalog = new Catalog();
  private readonly evaluates = new Map<Family, RuleEvaluator>();
  private readonly states = new Map<string, PartitionState>();
  private evaluated = 0;

  evaluate(record: SimulatedRecord, appendMs: number): Verdict {
    const { family, partition, key, value, headers } = record;
    let evaluator = this.evaluates.get(family);
    if (evaluator === undefined) {
      evaluator = new RuleEvaluator({ family, settings: this.settings, partitionOf: (k) => partitionFor(k) });
      this.evaluates.set(family, evaluator);
    }
    const place = `${family}/${partition.toString()}`;
    const state = this.states.get(place) ?? new PartitionState();
    this.states.set(place, state);
    const overlay = new StateOverlay(state);
    overlay.advanceTo(appendMs);
    const raw = { partition, timestamp: appendMs, key: key === null ? null : Buffer.from(key), value, headers };
    const { verdict, changes } = evaluator.evaluate(raw, overlay, this.catalog, true);
    overlay.settle(verdict, changes, appendMs);
    overlay.fold(++this.evaluated);
    if (family === 'catalog' && value !== null && verdict.kind === 'accept') {
      this.catalog.apply(JSON.parse(value.toString()));
    }
    return verdict;
  }
}

interface Story {
  readonly seed: number;
  readonly tickMs: number;
  readonly records: number;
  readonly defectRate: number;
  /** Catalog events of so many records are evaluated before the others: as far as the validator's catalog may be ahead. */
  readonly batch: number;
  /** How far the virtual clock lies behind the append time. */
  readonly behindMs: number;
  /** Every so many batches one is lost on its way, from a place of its own in each partition on; 0: never. */
  readonly loseEvery?: number;
}

const isReference = ({ family }: SimulatedRecord): boolean => family === 'catalog' || family === 'customers';

/** What arrives of a batch whose sending failed: of each partition a beginning; activities only behind all references. */
function arrived(batch: readonly SimulatedRecord[], seed: number): Set<SimulatedRecord> {
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

function surprises(story: Story): { wrong: string[]; seen: Map<string, number> } {
  const sequence = new Sequence({ generation: 'test', seed: story.seed }, POOLS, STEADY_TRADE);
  const epoch = { firstSeq: 0, startMs: START_MS, tickMs: story.tickMs, defectRate: story.defectRate };
  sequence.begin(epoch);
  const validator = new Validator();
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  for (let number = 1; number * story.batch <= story.records; number++) {
    const doubtFrom = sequence.nextSeq;
    const batch: SimulatedRecord[] = [];
    const appendMs = new Map<number, number>();
    for (let i = 0; i < story.batch; i++) {
      const record = sequence.next();
      batch.push(record);
      appendMs.set(record.seq, sequence.lastMs + story.behindMs);
    }
    const isLost = story.loseEvery !== undefined && number % story.loseEvery === 0;
    const there = isLost ? arrived(batch, number) : undefined;
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
      sequence.begin({ ...epoch, firstSeq: sequence.nextSeq, startMs: sequence.lastMs + 1_000, doubtFrom });
    }
  }
  return { wrong, seen };
}

const NOMINAL: Story = { seed: 1, tickMs: 20, records: 50_000, defectRate: 0.05, batch: 500, behindMs: 40 };

describe('what the generator expects', () => {
  it('is the verdict of the rules on each of 50,000 records, at the nominal rate', () => {
    const { wrong, seen } = surprises(NOMINAL);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(seen.get('good')).toBeGreaterThan(47_000);
  }, 60_000);

  it.each<Story>([
    { seed: 2, tickMs: 0.01, records: 10_000, defectRate: 0.3, batch: 2_000, behindMs: 0 },
    { seed: 3, tickMs: 1_000, records: 10_000, defectRate: 0.3, batch: 1, behindMs: 48 * 3_600_000 },
    { seed: 4, tickMs: 0.1, records: 10_000, defectRate: 0, batch: 1_000, behindMs: 1_000 },
  ])(
    'is right at any rate and share: %j',
    (story) => {
      expect(surprises(story).wrong.slice(0, 5)).toEqual([]);
    },
    60_000,
  );

  it.each([1, 3, 10])(
    'is right for what arrives although every %i. batch is lost in part',
    (loseEvery) => {
      const story = { ...NOMINAL, seed: 5, records: 10_000, defectRate: 0.1, batch: 400, loseEvery };
      expect(surprises(story).wrong.slice(0, 5)).toEqual([]);
    },
    60_000,
  );

  it('covers every defect, and with them every rule that a record can break', () => {
    const { seen } = surprises({ ...NOMINAL, seed: 6, records: 20_000, defectRate: 0.5 });
    const missing = DEFECTS.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
    expect(missing).toEqual([]);
    const rejecting = DEFECTS.map(({ expected }) => expected).filter((expected) => expected.startsWith('reject:'));
    const unbroken = RULE_CODES.filter((code) => !rejecting.includes(`reject:${code}`));
    // Let through with a flag, skipped, repaired, and what only a defect of the rules themselves brings about.
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

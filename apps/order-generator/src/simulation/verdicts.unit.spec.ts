import { type Family, FAMILIES, PARTITIONS } from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import { Catalog, Judge, PartitionState, qualitySettings, StateOverlay, type Verdict } from '@orderstream/quality';
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
  private readonly judges = new Map<Family, Judge>();
  private readonly states = new Map<string, PartitionState>();

  judge(record: SimulatedRecord, appendMs: number): Verdict {
    const { family, partition, key, value, headers } = record;
    let judge = this.judges.get(family);
    if (judge === undefined) {
      judge = new Judge({ family, settings: this.settings, partitionOf: (k) => partitionFor(k) });
      this.judges.set(family, judge);
    }
    const place = `${family}/${partition.toString()}`;
    const state = this.states.get(place) ?? new PartitionState();
    this.states.set(place, state);
    const overlay = new StateOverlay(state);
    overlay.advanceTo(appendMs);
    const raw = { partition, timestamp: appendMs, key: key === null ? null : Buffer.from(key), value, headers };
    const { verdict, changes } = judge.judge(raw, overlay, this.catalog, true);
    overlay.settle(verdict, changes, appendMs);
    overlay.fold();
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
  readonly badShare: number;
  /** Catalog events of so many records are judged before the others: as far as the validator's catalog may be ahead. */
  readonly batch: number;
  /** How far the virtual clock lies behind the append time. */
  readonly behindMs: number;
}

function surprises(story: Story): { wrong: string[]; seen: Map<string, number> } {
  const sequence = new Sequence({ generation: 'test', seed: story.seed }, POOLS, STEADY_TRADE);
  sequence.begin({ firstSeq: 0, startMs: START_MS, tickMs: story.tickMs, badShare: story.badShare });
  const validator = new Validator();
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  for (let told = 0; told < story.records; told += story.batch) {
    const batch: (SimulatedRecord & { appendMs: number })[] = [];
    for (let i = 0; i < story.batch; i++) {
      const record = sequence.next();
      batch.push({ ...record, appendMs: sequence.lastMs + story.behindMs });
    }
    const first = batch.filter(({ family }) => family === 'catalog' || family === 'customers');
    const then = batch.filter(({ family }) => family === 'orders' || family === 'interactions');
    for (const record of [...first, ...then]) {
      const verdict = validator.judge(record, record.appendMs);
      const outcome = outcomeOf(verdict);
      const name = record.defect ?? 'good';
      seen.set(name, (seen.get(name) ?? 0) + 1);
      if (outcome === record.expected) continue;
      wrong.push(
        `${record.seq.toString()} ${name} in ${record.family}: ${record.expected}, got ${JSON.stringify(verdict)}`,
      );
    }
  }
  return { wrong, seen };
}

describe('what the generator expects', () => {
  it('is the verdict of the rules on each of 50,000 records, at the nominal rate', () => {
    const { wrong, seen } = surprises({
      seed: 1,
      tickMs: 20,
      records: 50_000,
      badShare: 0.05,
      batch: 500,
      behindMs: 40,
    });
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(seen.get('good')).toBeGreaterThan(47_000);
  }, 60_000);

  it.each([
    { seed: 2, tickMs: 0.01, records: 20_000, badShare: 0.3, batch: 2_000, behindMs: 0 },
    { seed: 3, tickMs: 1_000, records: 20_000, badShare: 0.3, batch: 1, behindMs: 48 * 3_600_000 },
    { seed: 4, tickMs: 0.1, records: 20_000, badShare: 0, batch: 1_000, behindMs: 1_000 },
  ])(
    'is right at any rate and share: %j',
    (story) => {
      const { wrong } = surprises(story);
      expect(wrong.slice(0, 5)).toEqual([]);
    },
    60_000,
  );

  it('covers every family and every rule that a record can break', () => {
    expect(FAMILIES).toHaveLength(4);
    expect(PARTITIONS).toBe(6);
  });
});

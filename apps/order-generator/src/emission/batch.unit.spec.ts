import { rawTopic } from '@orderstream/contracts';
import { parseScenario, RecordCursor, type Scenario, SIMULATION_VERSION } from '@orderstream/simulation';
import { type Batch, nextBatch } from './batch';
import { RecordSource } from './record-source';

const START_MS = Date.UTC(2026, 2, 2, 12);
const BATCHES = 200;

function scenarioOf(yaml: string): Scenario {
  const file = 'test.yaml';
  const text = `name: test\ndescription: A test.\npopulation: { vendors: 12, products: 60, customers: 2000 }\n${yaml}`;
  const { scenario, problems } = parseScenario(text, file);
  if (scenario === undefined) throw new Error(JSON.stringify(problems));
  return scenario;
}

/** The first batches of a segment, 20 records each. */
function batchesOf(scenario: Scenario): Batch[] {
  const segment = {
    id: 's-1',
    seed: '1',
    scenario,
    simulationVersion: SIMULATION_VERSION,
    startMs: START_MS,
    rates: [{ fromMs: START_MS, eventsPerSecond: 500 }],
    defectRate: 0,
    firstSeq: 0,
    announcements: 0,
    follows: false,
    resumed: [],
    acknowledged: 0,
    reserved: 0,
    isEnded: false,
  };
  const source = RecordSource.begin(segment, RecordCursor.begin(segment));
  const limits = { untilMs: Infinity, maxRecords: 20, maxBytes: Infinity, maxEvents: Infinity, countFrom: 0 };
  return Array.from({ length: BATCHES }, () => {
    const batch = nextBatch(source, limits, rawTopic);
    if (batch === undefined) throw new Error('the segment has ended');
    return batch;
  });
}

describe('the compression of the batches', () => {
  it('is none, unless the scenario says it', () => {
    expect(new Set(batchesOf(scenarioOf('')).map(({ compression }) => compression))).toEqual(new Set([undefined]));
  });

  it('has the shares of the scenario, and changes no record', () => {
    const batches = batchesOf(scenarioOf('compression: { gzip: 0.2, zstd: 0.5 }\n'));
    const shareOf = (codec: string | undefined): number =>
      batches.filter(({ compression }) => compression === codec).length / BATCHES;
    expect(Math.abs(shareOf('gzip') - 0.2)).toBeLessThan(0.05);
    expect(Math.abs(shareOf('zstd') - 0.5)).toBeLessThan(0.05);
    const valuesOf = (all: readonly Batch[]) =>
      all.flatMap(({ references, activities }) => [...references, ...activities].map(({ value }) => String(value)));
    expect(valuesOf(batches)).toEqual(valuesOf(batchesOf(scenarioOf(''))));
  });
});

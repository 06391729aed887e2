import * as fc from 'fast-check';
import { RULE_CODES, type RuleCode, SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { EventCursor, expectedFindings, type RecordCheckpoint, RecordCursor, type SimulatedRecord } from '../index';
import { appendMsOf } from '../time/timestamps';
import { scenarioNamed, scenarioOf, segmentOf } from '../../test/scenarios';
import { Defects } from './defects/defects';

const BUSY = scenarioOf(`
population: { vendors: 12, products: 60, customers: 2000 }
catalog: { productChangeHours: 0.05, vendorChangeDays: 0.005, renameEvery: 4 }
funnel: { bounce: 0.1, cart: 0.6, checkout: 0.9, order: 0.9, thinkSeconds: { median: 2 } }
late: { share: 0.3, hours: { median: 0.005, sigma: 1 } }
lifecycleSpeed: 20000
defects: { rate: 0.2, rules: { duplicate.event: 0.3 }, nearMisses: 0.1 }
`);
const SEGMENT = segmentOf(BUSY, 300);

const textOf = (record: SimulatedRecord): string =>
  [
    record.n,
    record.copy,
    record.family,
    record.partition,
    record.key?.toString('latin1'),
    record.value?.toString('latin1'),
    JSON.stringify(record.headers),
    record.emittedMicros,
    JSON.stringify(record.intent),
  ].join(' ');
const take = (cursor: RecordCursor, count: number): string[] => {
  const texts: string[] = [];
  for (let taken = 0; taken < count; taken++) {
    const record = cursor.next();
    if (record === undefined) break;
    texts.push(textOf(record));
  }
  return texts;
};
const throughJson = (checkpoint: RecordCheckpoint): RecordCheckpoint =>
  JSON.parse(JSON.stringify(checkpoint)) as RecordCheckpoint;

describe('a cursor of records', () => {
  const whole = take(RecordCursor.begin(SEGMENT), 6_000);

  it('continues from any checkpoint with the same records, in the middle of a batch and of what follows an event', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_800 }), { minLength: 1, maxLength: 3 }), (steps) => {
        let cursor = RecordCursor.begin(SEGMENT);
        const pieces: string[] = [];
        for (const step of steps) {
          pieces.push(...take(cursor, step));
          const { position } = cursor;
          cursor = RecordCursor.resume(SEGMENT, throughJson(cursor.checkpoint()));
          expect(cursor.position).toBe(position);
        }
        pieces.push(...take(cursor, 200));
        expect(pieces.findIndex((text, index) => text !== whole[index])).toBe(-1);
      }),
      { numRuns: 15, seed: 3 },
    );
  });

  it('continues from the checkpoint behind each record', () => {
    const cursor = RecordCursor.begin(SEGMENT);
    take(cursor, 1_000);
    for (let from = 1_000; from < 1_100; from++) {
      const resumed = RecordCursor.resume(SEGMENT, throughJson(cursor.checkpoint()));
      expect(take(resumed, 30)).toEqual(whole.slice(from, from + 30));
      take(cursor, 1);
    }
  });

  it('numbers records in the order in which they are emitted, each with an id of its own', () => {
    const cursor = RecordCursor.begin(SEGMENT);
    const ids = new Set<string>();
    const eventIds = new Set<string>();
    const copies = new Map<number, number>();
    let last = { n: -1, emittedMicros: 0 };
    for (let count = 0; count < 6_000; count++) {
      const { position } = cursor;
      const record = cursor.next() as SimulatedRecord;
      const { n, copy, emittedMicros, headers, intent } = record;
      expect(position).toBe(count);
      expect(n).toBeGreaterThanOrEqual(last.n);
      expect(emittedMicros).toBeGreaterThanOrEqual(last.emittedMicros);
      expect(copy).toBe(copies.get(n) ?? 0);
      copies.set(n, copy + 1);
      expect(headers[SIMULATION_ID_HEADER]).toBe(`test:${n}.${copy}`);
      ids.add(String(headers[SIMULATION_ID_HEADER]));
      if (copy === 0) expect(intent).toMatchObject({ defect: null, expected: 'accept', rules: [] });
      const unique = copy > 0 && !/duplicate|envelope/.test(intent.defect ?? '');
      if (unique) {
        const id = `${String(headers.ce_source)} ${String(headers.ce_id)}`;
        expect(eventIds).not.toContain(id);
        eventIds.add(id);
      }
      last = { n, emittedMicros };
    }
    expect(ids.size).toBe(6_000);
  });

  it('emits the events of the simulation as they are, whatever follows them', () => {
    const events = EventCursor.begin(SEGMENT);
    const cursor = RecordCursor.begin(SEGMENT);
    for (let count = 0; count < 4_000; count++) {
      const record = cursor.next() as SimulatedRecord;
      if (record.copy > 0) continue;
      const event = events.next();
      expect(record.value?.toString()).toBe(JSON.stringify(event?.body));
      expect(record.key?.toString()).toBe(event?.key);
      const { [SIMULATION_ID_HEADER]: id, ...headers } = record.headers;
      expect(id).toBe(`test:${event?.n}.0`);
      expect(headers).toEqual(event?.headers);
    }
  });

  it('computes what follows an event from its number and the event alone', () => {
    const cursor = EventCursor.begin(SEGMENT);
    const events = Array.from({ length: 2_000 }, () => cursor.next()).flatMap((event) => event ?? []);
    const followed = (order: typeof events): Map<number, string[]> => {
      const defects = new Defects(SEGMENT, cursor.marketplace);
      return new Map(order.map((event) => [event.n, defects.after(event, [event]).map(textOf)]));
    };
    const backwards = followed(events.toReversed());
    for (const [n, texts] of followed(events)) expect(backwards.get(n)).toEqual(texts);
  });

  it('has other additional records in a segment with another id, and none with the same event id', () => {
    const idsOf = (id: string): Set<string> => {
      const cursor = RecordCursor.begin({ ...SEGMENT, id });
      const ids = new Set<string>();
      for (let count = 0; count < 3_000; count++) {
        const record = cursor.next();
        const isRepeat = record?.intent.defect?.startsWith('duplicate.event') === true;
        if (record !== undefined && record.copy > 0 && !isRepeat) ids.add(String(record.headers.ce_id));
      }
      return ids;
    };
    const [a, b] = [idsOf('a'), idsOf('b')];
    expect(a.size).toBeGreaterThan(100);
    // Those that have no id, or a wrong one.
    for (const id of a) if (id.length === 36) expect(b).not.toContain(id);
  });

  it('follows another segment, with the orders that are open', () => {
    const first = RecordCursor.begin(SEGMENT);
    take(first, 3_000);
    const segment = { ...segmentOf(scenarioNamed('steady'), 300), id: 'next', startMs: SEGMENT.startMs + 60_000 };
    const second = RecordCursor.follow(segment, first.checkpoint());
    expect(second.position).toBe(0);
    expect(take(second, 10)).toHaveLength(10);
  });
});

describe('the rate of defects', () => {
  /** Share of the events that are followed by a defect, by the rules that it breaks. */
  function shares(segment: typeof SEGMENT & { readonly defectRate?: number }, events: number) {
    const cursor = RecordCursor.begin(segment);
    const rules = new Map<string, number>();
    let defects = 0;
    let nearMisses = 0;
    let followed = 0;
    while (cursor.position < cursor.announcements + events) {
      const { n, copy, intent } = cursor.next() as SimulatedRecord;
      if (n < cursor.announcements) {
        expect(copy).toBe(0);
        continue;
      }
      if (copy === 0) followed++;
      if (intent.defect === null || intent.defect.endsWith('/batch')) continue;
      if (intent.defect.startsWith('near ')) {
        nearMisses++;
        continue;
      }
      defects++;
      const key = intent.defect.split(' + ').map((name) => name.split('/')[0]).join(' + '); // prettier-ignore
      rules.set(key, (rules.get(key) ?? 0) + 1);
    }
    const share = (count = 0): number => count / followed;
    return { defects: share(defects), nearMisses: share(nearMisses), of: (key: string) => share(rules.get(key)) };
  }
  const EVENTS = 60_000;
  /** Four standard errors. */
  const near = (found: number, expected: number): void => {
    expect(Math.abs(found - expected)).toBeLessThan(4 * Math.sqrt(expected / EVENTS) + 1e-9);
  };
  const RATES = scenarioOf(`
defects:
  rate: 0.036
  rules: { time.in_future: 0.02, structure.too_large: 0, duplicate.order: 0.005 }
  combinations:
    - { rules: [structure.key_mismatch, structure.invalid_field], rate: 0.01 }
  nearMisses: 0.03
`);

  it('is that of the scenario, by rule, by combination, and for near misses', () => {
    const found = shares(segmentOf(RATES, 500), EVENTS);
    near(found.of('time.in_future'), 0.02);
    near(found.of('duplicate.order'), 0.005);
    near(found.of('structure.invalid_field + structure.key_mismatch'), 0.01);
    near(found.nearMisses, 0.03);
    // 16 rules share the rate.
    near(found.of('drift.vendor'), 0.036 / 16);
    near(found.of('structure.malformed_json'), 0.036 / 16);
    expect(found.of('structure.too_large')).toBe(0);
    // A tenth of the duplicates repeats a batch.
    near(found.defects, 0.036 - 0.0036 / 16 + 0.035);
  }, 60_000);

  it('is that of the segment if it has one', () => {
    const found = shares({ ...segmentOf(RATES, 500), defectRate: 0.0071 }, EVENTS);
    near(found.of('time.in_future'), 0.002);
    near(found.defects, 0.0071);
    near(found.nearMisses, 0.003);
    const steady = shares({ ...segmentOf(scenarioNamed('steady'), 500), defectRate: 0.19 }, EVENTS);
    near(steady.of('reference.unknown_product'), 0.01);
    near(steady.nearMisses, 0.19 / 4);
    expect(shares({ ...segmentOf(scenarioNamed('dirty-day'), 500), defectRate: 0 }, EVENTS / 10)).toMatchObject({
      defects: 0,
      nearMisses: 0,
    });
  }, 60_000);

  it('is 0 in a scenario without defects: the events are the records', () => {
    expect(shares({ ...segmentOf(scenarioNamed('steady'), 500), defectRate: 0 }, 3_000)).toMatchObject({
      defects: 0,
      nearMisses: 0,
    });
  });
});

describe('the intent', () => {
  it('has the verdict for an append time near the time of the emission', () => {
    const cursor = RecordCursor.begin(SEGMENT);
    const seen = new Set<RuleCode>();
    for (let count = 0; count < 6_000; count++) {
      const { intent, emittedMicros } = cursor.next() as SimulatedRecord;
      for (const delayMs of [-1_000, 0, 60_000]) {
        const at = { appendMs: appendMsOf(emittedMicros) + delayMs, occurrence: 0 };
        const { outcome, rules } = expectedFindings(intent, at);
        expect(outcome).toBe(intent.expected);
        for (const code of rules) seen.add(code);
      }
    }
    expect([...RULE_CODES].filter((code) => !seen.has(code))).toEqual(['internal.rule_failed']);
  });
});

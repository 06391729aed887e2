import { CE, compileChecks, EVENT_CONTRACTS, VERTICALS } from '@orderstream/contracts';
import fc from 'fast-check';
import { type Epoch } from './epochs';
import { createPools } from './pools';
import { partitionOf, type SimulatedRecord } from './record';
import { STEADY_TRADE } from './scenarios/steady-trade';
import { Sequence, type SequenceState } from './sequence';

const START_MS = Date.parse('2026-03-01T10:00:00Z');
const POOLS = createPools(3);
const EPOCH: Epoch = { firstSeq: 0, startMs: START_MS, tickMs: 20, defectRate: 0.1 };

function story(seed: number, generation = 'test', epoch: Partial<Epoch> = {}): Sequence {
  const sequence = new Sequence({ generation, seed }, POOLS, STEADY_TRADE);
  sequence.begin({ ...EPOCH, ...epoch });
  return sequence;
}

const take = (sequence: Sequence, count: number): SimulatedRecord[] =>
  Array.from({ length: count }, () => sequence.next());

const text = ({ value, ...rest }: SimulatedRecord): string =>
  JSON.stringify({ ...rest, value: value?.toString('base64') ?? null });

type Json = Readonly<Record<string, unknown>>;
const bodyOf = ({ value }: SimulatedRecord): Json => JSON.parse(value?.toString() ?? '{}') as Json;

describe('a sequence', () => {
  it('is the same, byte for byte, for the same seed and clock', () => {
    expect(take(story(11), 3_000).map(text)).toEqual(take(story(11), 3_000).map(text));
  });

  it('shares no event, order or customer with another seed or generation', () => {
    const idsOf = (sequence: Sequence): Set<unknown> =>
      new Set(
        take(sequence, 3_000)
          .filter(({ defect }) => defect === null)
          .map(bodyOf)
          .flatMap((body) => [body.event_id, body.order_id, body.customer_id, body.item_sku])
          .filter((id) => id !== undefined),
      );
    const first = idsOf(story(11));
    const shared = [...idsOf(story(12)), ...idsOf(story(11, 'another'))].filter((id) => first.has(id));
    expect(shared).toEqual([]);
  });

  it('goes on alike from a state that was stored at any point, through doubt and another clock', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.nat(2_500),
        fc.nat(300),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (seed, cut, doubtful, defectRate) => {
          const original = story(seed, 'test', { defectRate });
          take(original, cut);
          const stored = JSON.stringify(original.state);
          const restored = new Sequence({ generation: 'test', seed }, POOLS, STEADY_TRADE);
          restored.restore(JSON.parse(stored) as SequenceState);
          expect(JSON.stringify(restored.state)).toBe(stored);
          expect(take(restored, 400).map(text)).toEqual(take(original, 400).map(text));
          const next: Epoch = {
            firstSeq: original.nextSeq,
            startMs: original.lastMs,
            tickMs: 3.7,
            defectRate,
            doubtFrom: Math.max(0, original.nextSeq - doubtful),
          };
          original.begin(next);
          restored.begin(next);
          expect(take(restored, 300).map(text)).toEqual(take(original, 300).map(text));
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it('never speaks again of what was in doubt', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 600, max: 3_000 }),
        fc.integer({ min: 1, max: 500 }),
        (seed, cut, lost) => {
          const sequence = story(seed);
          take(sequence, cut - lost);
          const doubtful = take(sequence, lost).filter(
            ({ defect, expected }) => defect === null || expected === 'repair',
          );
          sequence.begin({ ...EPOCH, firstSeq: cut, startMs: sequence.lastMs, doubtFrom: cut - lost });
          const keys = new Set(doubtful.map(({ key }) => key));
          const orders = new Set<unknown>(doubtful.map((record) => bodyOf(record).order_id ?? 'none'));
          const later = take(sequence, 1_500).filter(({ defect }) => defect === null);
          const spokenOf = later.filter((record) => {
            const { vendor_id: vendor, item_sku: sku, order_id: order } = bodyOf(record);
            return keys.has(record.key) || keys.has(String(vendor)) || keys.has(String(sku)) || orders.has(order);
          });
          expect(spokenOf).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);

  it('keeps its state bounded', () => {
    const sequence = story(5, 'test', { defectRate: 0 });
    take(sequence, 60_000);
    const { customers, journeys, memory, orders } = sequence.state.marketplace;
    expect(customers.idle.length).toBeLessThanOrEqual(STEADY_TRADE.limits.customers);
    expect(journeys.length).toBeLessThan(500);
    expect(orders.length).toBeLessThan(1_000);
    expect(memory.told.length).toBeLessThanOrEqual(48);
  }, 30_000);
});

describe('20,000 good records', () => {
  const records = take(story(1, 'test', { defectRate: 0 }), 20_000);
  const bodies = records.map(bodyOf);
  const ofType = (type: string): Json[] => bodies.filter(({ event_type }) => event_type === type);

  it('show every event type, each record as its contract and envelope ask', () => {
    const checks = compileChecks();
    const types = new Set<unknown>();
    const wrong = records.filter((record) => {
      const body = bodyOf(record);
      const type = String(body.event_type);
      types.add(type);
      const contract = EVENT_CONTRACTS.get(type);
      const { headers, key } = record;
      return !(
        checks.get(type)?.(body) === true &&
        contract?.family === record.family &&
        key === body[contract.keyField] &&
        record.partition === partitionOf(key ?? '') &&
        headers[CE.id] === body.event_id &&
        headers[CE.type] === type &&
        headers[CE.time] === body.occurred_at &&
        headers['ledger-seq'] === record.seq.toString()
      );
    });
    expect(wrong).toEqual([]);
    expect([...types].sort()).toEqual([...EVENT_CONTRACTS.keys()].sort());
    expect(new Set(bodies.map((body) => body.event_id)).size).toBe(records.length);
  });

  it('tell orders of vendors, products and customers as they were told before, in times that never run backwards', () => {
    const known = new Map<unknown, Json>();
    const registeredAt = new Map<unknown, unknown>();
    let last = '';
    for (const body of bodies) {
      const occurredAt = String(body.occurred_at);
      expect(occurredAt >= last).toBe(true);
      last = occurredAt;
      const type = String(body.event_type);
      if (type.startsWith('vendor.')) known.set(body.vendor_id, body);
      else if (type === 'product.delisted') known.delete(body.item_sku);
      else if (type.startsWith('product.') && type !== 'product.viewed') known.set(body.item_sku, body);
      else if (type.startsWith('customer.')) registeredAt.set(body.customer_id, body.customer_registered_at);
      else expect(registeredAt.has(body.customer_id)).toBe(true);
      if (type !== 'order.placed') continue;
      const vendor = known.get(body.vendor_id);
      const product = known.get(body.item_sku);
      for (const field of ['vendor_name', 'vendor_address', 'vendor_vertical'])
        expect(body[field]).toBe(vendor?.[field]);
      for (const field of ['vendor_id', 'item_name', 'item_price']) expect(body[field]).toBe(product?.[field]);
      expect(body.customer_registered_at).toBe(registeredAt.get(body.customer_id));
      expect(String(body.order_placed_at) > String(body.customer_registered_at)).toBe(true);
      expect(body.order_placed_at).toBe(occurredAt);
    }
  });

  it('are distributed like the original data', () => {
    const orders = ofType('order.placed');
    expect(orders.length).toBeGreaterThan(1_000);
    const rated = orders.filter((body) => body.order_rating !== null);
    expect(rated.length / orders.length).toBeGreaterThan(0.77);
    expect(rated.length / orders.length).toBeLessThan(0.83);
    expect(new Set(rated.map((body) => body.order_rating))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(new Set(orders.map((body) => body.vendor_vertical))).toEqual(new Set(VERTICALS));
    for (const body of orders) {
      expect(Number(body.item_price)).toBeGreaterThanOrEqual(10);
      expect(Number(body.item_price)).toBeLessThanOrEqual(1_000);
      expect(Number(body.item_quantity)).toBeGreaterThanOrEqual(1);
      expect(Number(body.item_quantity)).toBeLessThanOrEqual(10);
    }
  });
});

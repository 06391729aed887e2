import { CE, compileChecks, EVENT_CONTRACTS, VERTICALS } from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import fc from 'fast-check';
import { createPools } from './pools';
import { type SimulatedRecord } from './record';
import { STEADY_TRADE } from './scenarios/steady-trade';
import { type Segment } from './schedule';
import { Sequence, type SequenceState } from './sequence';

const START_MS = Date.parse('2026-03-01T10:00:00Z');
const POOLS = createPools(3);
const SEGMENT: Segment = { firstSeq: 0, startMs: START_MS, tickMs: 20, defectRate: 0.1 };

function sequenceOf(
  seed: number,
  { marketplaceId = 'test', defectRate = SEGMENT.defectRate, scenario = STEADY_TRADE } = {},
): Sequence {
  const sequence = new Sequence({ marketplaceId, seed }, POOLS, scenario);
  sequence.begin({ ...SEGMENT, defectRate });
  return sequence;
}

const take = (sequence: Sequence, count: number): SimulatedRecord[] =>
  Array.from({ length: count }, () => sequence.next());

const text = ({ value, ...rest }: SimulatedRecord): string =>
  JSON.stringify({ ...rest, value: value?.toString('base64') ?? null });

type Json = Readonly<Record<string, unknown>>;
const bodyOf = ({ value }: SimulatedRecord): Json => JSON.parse(value?.toString() ?? '{}') as Json;

describe('a sequence', () => {
  it('is the same, byte for byte, for the same seed and schedule', () => {
    expect(take(sequenceOf(11), 3_000).map(text)).toEqual(take(sequenceOf(11), 3_000).map(text));
  });

  it('shares no event, order, customer or product with another seed or marketplace', () => {
    const idsOf = (sequence: Sequence): Set<unknown> =>
      new Set(
        take(sequence, 3_000)
          .filter(({ defect }) => defect === null)
          .map(bodyOf)
          .flatMap((body) => [body.event_id, body.order_id, body.customer_id, body.item_sku])
          .filter((id) => id !== undefined),
      );
    const first = idsOf(sequenceOf(11));
    const others = [...idsOf(sequenceOf(12)), ...idsOf(sequenceOf(11, { marketplaceId: 'another' }))];
    expect(others.filter((id) => first.has(id))).toEqual([]);
  });

  it('continues identically from a state stored at any point, also after records of unknown outcome', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.nat(2_500),
        fc.nat(300),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (seed, stored, unknown, defectRate) => {
          const original = sequenceOf(seed, { defectRate });
          take(original, stored);
          const state = JSON.stringify(original.state);
          const restored = new Sequence({ marketplaceId: 'test', seed }, POOLS, STEADY_TRADE);
          restored.restore(JSON.parse(state) as SequenceState);
          expect(JSON.stringify(restored.state)).toBe(state);
          expect(take(restored, 400).map(text)).toEqual(take(original, 400).map(text));
          const next: Segment = {
            firstSeq: original.nextSeq,
            startMs: original.lastMs,
            tickMs: 3.7,
            defectRate,
            unknownFrom: Math.max(0, original.nextSeq - unknown),
          };
          original.begin(next);
          restored.begin(next);
          expect(take(restored, 300).map(text)).toEqual(take(original, 300).map(text));
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it('never refers to what records of unknown outcome changed', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 600, max: 3_000 }),
        fc.integer({ min: 1, max: 500 }),
        (seed, end, count) => {
          const sequence = sequenceOf(seed);
          take(sequence, end - count);
          const unknown = take(sequence, count).filter(
            ({ defect, expected }) => defect === null || expected === 'repair',
          );
          sequence.begin({ ...SEGMENT, firstSeq: end, startMs: sequence.lastMs, unknownFrom: end - count });
          const keys = new Set(unknown.map(({ key }) => key));
          const orders = new Set<unknown>(unknown.map((record) => bodyOf(record).order_id ?? 'none'));
          const ids = new Set(unknown.map((record) => bodyOf(record).event_id));
          const later = take(sequence, 1_500).filter(({ expected }) => !expected.startsWith('reject:'));
          const referring = later.filter((record) => {
            const { event_id: id, vendor_id: vendor, item_sku: sku, order_id: order } = bodyOf(record);
            // A duplicate may repeat an earlier event of a customer or product, but no event of unknown outcome.
            if (record.expected === 'skip') return ids.has(id);
            return keys.has(record.key) || keys.has(String(vendor)) || keys.has(String(sku)) || orders.has(order);
          });
          expect(referring.map(text)).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);

  it('never exceeds the limits of its scenario, and keeps its state bounded', () => {
    const limits = { vendors: 25, products: 110, customers: 80 };
    const sequence = sequenceOf(5, { defectRate: 0, scenario: { ...STEADY_TRADE, limits } });
    const reached = { vendors: 0, products: 0, customers: 0 };
    for (let i = 0; i < 60; i++) {
      take(sequence, 1_000);
      const { catalog, customers, journeys, memory, orders } = sequence.state.marketplace;
      reached.vendors = Math.max(reached.vendors, catalog.vendors.length);
      reached.products = Math.max(reached.products, catalog.products.length);
      reached.customers = Math.max(reached.customers, customers.idle.length + journeys.length);
      expect(journeys.length).toBeLessThan(500);
      expect(orders.length).toBeLessThan(1_000);
      expect(memory.records.length).toBeLessThanOrEqual(48);
    }
    expect(reached).toEqual(limits);
  }, 30_000);
});

describe('20,000 records without defects', () => {
  const records = take(sequenceOf(1, { defectRate: 0 }), 20_000);
  const bodies = records.map(bodyOf);

  it('have every event type, and each conforms to its contract and envelope', () => {
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
        record.partition === partitionFor(key ?? '') &&
        headers[CE.id] === body.event_id &&
        headers[CE.type] === type &&
        headers[CE.time] === body.occurred_at &&
        headers['ledger-seq'] === record.seq.toString()
      );
    });
    expect(wrong.slice(0, 3).map(text)).toEqual([]);
    expect([...types].sort()).toEqual([...EVENT_CONTRACTS.keys()].sort());
    expect(new Set(bodies.map((body) => body.event_id)).size).toBe(records.length);
  });

  it('have times that never run backwards, and orders with the last announced vendor, product and customer', () => {
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
});

/** The distributions of the original data set: ratings 1..5 for 80 %, one of 7 verticals, prices 10..1000, quantities 1..10. */
describe('100,000 records without defects', () => {
  /** Standard errors that a figure of a sample may differ from its expected value. */
  const STANDARD_ERRORS = 4;
  const bodies = take(sequenceOf(1, { defectRate: 0 }), 100_000).map(bodyOf);
  const ofType = (type: string): Json[] => bodies.filter(({ event_type }) => event_type === type);
  const orders = ofType('order.placed');

  /** The share of the items that fulfil the condition is a probability's, as exactly as the size of the sample allows. */
  function expectShare<T>(items: readonly T[], probability: number, condition: (item: T) => boolean): void {
    const share = items.filter(condition).length / items.length;
    const tolerance = STANDARD_ERRORS * Math.sqrt((probability * (1 - probability)) / items.length);
    expect(Math.abs(share - probability)).toBeLessThan(tolerance);
  }

  /** Values with uniform distribution from `min` to `max` in steps: minimum, maximum, mean and quartiles. */
  function expectUniform(values: readonly number[], min: number, max: number, step: number): void {
    const count = (max - min) / step + 1;
    const deviation = step * Math.sqrt((count * count - 1) / 12);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.min(...values)).toBeGreaterThanOrEqual(min);
    expect(Math.max(...values)).toBeLessThanOrEqual(max);
    expect(Math.abs(mean - (min + max) / 2)).toBeLessThan((STANDARD_ERRORS * deviation) / Math.sqrt(values.length));
    for (const quarter of [0.25, 0.5, 0.75]) {
      const quantile = min + quarter * (max - min);
      const below = (Math.floor((quantile - min) / step) + 1) / count;
      expectShare(values, below, (value) => value <= quantile);
    }
  }

  it('have orders with a rating for 80 %, and each rating from 1 to 5 equally often', () => {
    expect(orders.length).toBeGreaterThan(5_000);
    const rated = orders.filter((body) => body.order_rating !== null);
    expectShare(orders, 0.8, (body) => body.order_rating !== null);
    for (const rating of [1, 2, 3, 4, 5]) expectShare(rated, 1 / 5, (body) => body.order_rating === rating);
  });

  it('have orders with each quantity from 1 to 10 equally often', () => {
    expectUniform(
      orders.map((body) => Number(body.item_quantity)),
      1,
      10,
      1,
    );
    for (let quantity = 1; quantity <= 10; quantity++) {
      expectShare(orders, 1 / 10, (body) => body.item_quantity === quantity);
    }
  });

  it('have products with prices from 10.00 to 1000.00 of uniform distribution, and orders of the same prices', () => {
    const listed = ofType('product.listed');
    expect(listed.length).toBeGreaterThan(500);
    expectUniform(
      listed.map((body) => Number(body.item_price)),
      10,
      1_000,
      0.01,
    );
    // Orders repeat the prices of their products: each price counts once.
    const ordered = new Map(orders.map((body) => [`${String(body.item_sku)} ${String(body.item_price)}`, body]));
    expectUniform(
      [...ordered.values()].map((body) => Number(body.item_price)),
      10,
      1_000,
      0.01,
    );
  });

  it('have vendors of each of the 7 verticals equally often, and orders of each', () => {
    const vendors = ofType('vendor.onboarded');
    expect(VERTICALS).toHaveLength(7);
    for (const vertical of VERTICALS) expectShare(vendors, 1 / 7, (body) => body.vendor_vertical === vertical);
    expect(new Set(orders.map((body) => body.vendor_vertical))).toEqual(new Set(VERTICALS));
  });
});

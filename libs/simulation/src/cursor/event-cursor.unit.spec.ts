import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import {
  type Checkpoint,
  encodeBody,
  EventCursor,
  type NumberedEvent,
  SegmentMismatchError,
  SIMULATION_VERSION,
} from '../index';
import { NOON_MS, scenarioNamed, scenarioOf, segmentOf } from '../../test/scenarios';

const SMALL = 'population: { vendors: 12, products: 60, customers: 2000 }\n';
const BUSY = scenarioOf(`${SMALL}
catalog: { productChangeHours: 0.05, vendorChangeDays: 0.005, renameEvery: 4 }
customerChangeDays: 0.05
funnel: { bounce: 0.1, cart: 0.6, checkout: 0.9, order: 0.9, thinkSeconds: { median: 2 } }
late: { share: 0.3, hours: { median: 0.005, sigma: 1 } }
lifecycleSpeed: 20000
effects:
  - { kind: flash-sale, everyMinutes: 1, durationMinutes: 0.4 }
  - { kind: bot-burst, everyMinutes: 2, offsetMinutes: 1, durationMinutes: 0.3 }
`);
const RARE = scenarioOf(`${SMALL}arrivals: { process: regular }`);

const textOf = (event: NumberedEvent): string =>
  `${event.n} ${event.emittedMicros} ${event.key} ${JSON.stringify(event.headers)} ${encodeBody(event).toString()}`;
const take = (cursor: EventCursor, count: number): string[] => {
  const texts: string[] = [];
  for (let taken = 0; taken < count; taken++) {
    const event = cursor.next();
    if (event === undefined) break;
    texts.push(textOf(event));
  }
  return texts;
};
const throughJson = (checkpoint: Checkpoint): Checkpoint => JSON.parse(JSON.stringify(checkpoint)) as Checkpoint;

describe('a cursor', () => {
  it.each([
    ['busy', BUSY, 300],
    ['regular', RARE, 20],
  ])('continues from any checkpoint of a %s segment with the same bytes', (_, scenario, rate) => {
    const segment = segmentOf(scenario, rate);
    const whole = take(EventCursor.begin(segment), 6_000);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_500 }), { minLength: 1, maxLength: 3 }), (steps) => {
        let cursor = EventCursor.begin(segment);
        const pieces: string[] = [];
        for (const step of steps) {
          pieces.push(...take(cursor, step));
          cursor = EventCursor.resume(segment, throughJson(cursor.checkpoint()));
        }
        pieces.push(...take(cursor, 300));
        const until = Math.min(pieces.length, whole.length);
        expect(pieces.slice(0, until)).toEqual(whole.slice(0, until));
      }),
      { numRuns: 12, seed: 1 },
    );
  });

  it('yields the same events whether it is asked often or seldom', () => {
    const whole = take(EventCursor.begin(segmentOf(BUSY, 300)), 3_000);
    const cursor = EventCursor.begin(segmentOf(BUSY, 300));
    const pieces: string[] = [];
    for (let micros = NOON_MS * 1_000 - 1; pieces.length < whole.length; micros += 37_123) {
      for (let event = cursor.next(micros); event !== undefined; event = cursor.next(micros)) {
        expect(event.emittedMicros).toBeLessThanOrEqual(micros);
        pieces.push(textOf(event));
      }
    }
    expect(pieces.slice(0, whole.length)).toEqual(whole);
  });

  it('announces vendors, then products, each before the events that refer to them', () => {
    const cursor = EventCursor.begin(segmentOf(BUSY, 300));
    const known = new Set<string>();
    let phase = 'vendor.onboarded';
    for (let count = 0; count < 5_000; count++) {
      const event = cursor.next();
      if (event === undefined) throw new Error('the segment ended');
      const { body } = event;
      if ('vendor_name' in body && event.family === 'catalog') known.add(body.vendor_id);
      else if ('vendor_id' in body) expect(known).toContain(body.vendor_id);
      if (event.type === 'product.listed' && 'item_sku' in body) known.add(body.item_sku);
      else if ('item_sku' in body) expect(known).toContain(body.item_sku);
      if (event.n < cursor.announcements - 60 && event.type === 'product.listed') phase = 'product.listed';
      if (event.n < 10) expect(event.type).toBe(phase);
    }
  });

  it('announces the default catalog within a second', () => {
    const before = process.cpuUsage();
    const cursor = EventCursor.begin(segmentOf(scenarioNamed('steady'), 50));
    const announced = take(cursor, cursor.announcements).length;
    const { user } = process.cpuUsage(before);
    expect(announced).toBeGreaterThan(200);
    expect(user / 1_000).toBeLessThan(1_000);
  });

  it('applies a later rate from the next cell on, and leaves the events before it as they are', () => {
    const changeMs = NOON_MS + 20_000;
    const first = EventCursor.begin(segmentOf(BUSY, 300));
    const grown = {
      ...segmentOf(BUSY, 300),
      rates: [...segmentOf(BUSY, 300).rates, { fromMs: changeMs, eventsPerSecond: 30 }],
    };
    const whole = EventCursor.begin(grown);
    const before: string[] = [];
    for (let e = first.next(changeMs * 1_000); e !== undefined; e = first.next(changeMs * 1_000))
      before.push(textOf(e));
    expect(take(whole, before.length)).toEqual(before);
    const resumed = EventCursor.resume(grown, throughJson(first.checkpoint()));
    expect(take(resumed, 2_000)).toEqual(take(whole, 2_000));
  });

  it('goes on with the people and the open orders of the segment before it', () => {
    const first = EventCursor.begin(segmentOf(BUSY, 300));
    const placed = new Map<string, number>();
    const closed = new Set<string>();
    const note = (event: NumberedEvent): void => {
      const { body } = event;
      if (!('order_id' in body)) return;
      placed.set(body.order_id, (placed.get(body.order_id) ?? 0) + 1);
      if (event.type === 'order.delivered' || event.type === 'order.cancelled') closed.add(body.order_id);
    };
    for (let count = 0; count < 6_000; count++) note(first.next() as NumberedEvent);
    const checkpoint = throughJson(first.checkpoint());
    const open = [...placed.keys()].filter((id) => !closed.has(id));
    expect(open.length).toBeGreaterThan(50);
    const startMs = checkpoint.nextCellMs + 1;
    const other = segmentOf(scenarioOf(`${SMALL}lifecycleSpeed: 100`), 100, 'test', startMs);
    const second = EventCursor.follow(other, checkpoint);
    const customers = new Set<string>();
    for (
      let event = second.next((startMs + 300_000) * 1_000);
      event !== undefined;
      event = second.next((startMs + 300_000) * 1_000)
    ) {
      expect(event.emittedMicros).toBeGreaterThanOrEqual(startMs * 1_000);
      if (event.type === 'order.placed') customers.add(event.key);
      note(event);
    }
    expect(open.filter((id) => !closed.has(id))).toEqual([]);
    // What is open in the second segment is held with the scenario that it began in, and continues from a checkpoint.
    const again = EventCursor.resume(other, throughJson(second.checkpoint()));
    expect(take(again, 500)).toEqual(take(second, 500));
  });

  it('begins without open orders after a stop, with the same vendors', () => {
    const idsOf = (startMs: number) => {
      const cursor = EventCursor.begin(segmentOf(BUSY, 300, 'test', startMs));
      const vendors = new Set<string>();
      const orders = new Set<string>();
      for (let count = 0; count < 6_000; count++) {
        const { body } = cursor.next() as NumberedEvent;
        if ('vendor_id' in body) vendors.add(body.vendor_id);
        if ('order_id' in body) orders.add(body.order_id);
      }
      return { vendors, orders };
    };
    const first = idsOf(NOON_MS);
    const second = idsOf(NOON_MS + 3_600_000);
    expect(second.vendors).toEqual(first.vendors);
    expect(first.orders.size).toBeGreaterThan(100);
    expect([...second.orders].filter((id) => first.orders.has(id))).toEqual([]);
  });

  it('ends after the orders of its scenario', () => {
    const scenario = scenarioOf(`${SMALL}arrivals: { process: regular, maxOrders: 25 }`);
    const cursor = EventCursor.begin(segmentOf(scenario, 100));
    let orders = 0;
    for (let event = cursor.next(); event !== undefined; event = cursor.next())
      if (event.type === 'order.placed') orders++;
    expect(orders).toBe(25);
    expect(cursor.isFinished).toBe(true);
  });

  it('has other people and events for another seed', () => {
    const [a, b] = ['1', '2'].map(
      (seed) => new Set(take(EventCursor.begin(segmentOf(BUSY, 300, seed)), 3_000).map((text) => text.split(' ')[2])),
    );
    expect([...(a ?? [])].filter((key) => b?.has(key))).toEqual([]);
  });

  it('rejects a segment or a checkpoint that it cannot continue, and says what to do', () => {
    const segment = segmentOf(BUSY, 300);
    const checkpoint = EventCursor.begin(segment).checkpoint();
    const other = { ...segment, simulationVersion: SIMULATION_VERSION + 1 };
    expect(() => EventCursor.begin(other)).toThrow(SegmentMismatchError);
    expect(() => EventCursor.begin(other)).toThrow(/Begin a new segment/);
    expect(() => EventCursor.resume({ ...segment, seed: 'other' }, checkpoint)).toThrow(SegmentMismatchError);
    expect(() => EventCursor.resume({ ...segment, startMs: NOON_MS + 16 }, checkpoint)).toThrow(SegmentMismatchError);
    expect(() => EventCursor.follow(segment, { ...checkpoint, simulationVersion: 0 })).toThrow(SegmentMismatchError);
    expect(() => EventCursor.begin({ ...segment, rates: [] })).toThrow(RangeError);
    expect(() => EventCursor.begin({ ...segment, rates: [{ fromMs: NOON_MS + 1, eventsPerSecond: 1 }] })).toThrow(
      RangeError,
    );
    expect(() => EventCursor.begin({ ...segment, startMs: 0, rates: [{ fromMs: 0, eventsPerSecond: 1 }] })).toThrow(
      RangeError,
    );
  });

  it('has the bytes that its version promises', () => {
    const digest = hash('sha256', take(EventCursor.begin(segmentOf(BUSY, 300)), 3_000).join('\n'));
    expect({ version: SIMULATION_VERSION, digest }).toEqual({
      version: 1,
      digest: '32a8c3a31b81bdbf29255eb52f42a193d334e7c990cf5044e361b56503df8c68',
    });
  });
});

describe('the orders of a customer', () => {
  it('never coincide: customer, vendor and time are unique, at any rate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.constantFrom(20, 400, 8_000), (seed, rate) => {
        const scenario = scenarioOf(`
population: { vendors: 8, products: 16, customers: 200 }
loyalty: { skew: 4 }
funnel: { bounce: 0, cart: 1, remove: 0, checkout: 1, order: 1, meanViews: 1, thinkSeconds: { median: 0.3, sigma: 0.1 } }
orders: { unpaid: 1 }
deviceConversion: { desktop: 5, mobile: 5, tablet: 5, app: 5 }
`);
        const cursor = EventCursor.begin(segmentOf(scenario, rate, String(seed)));
        const keys = new Set<string>();
        const times = new Map<string, Set<string>>();
        let orders = 0;
        for (let count = 0; count < 4_000; count++) {
          const { body, key } = cursor.next() as NumberedEvent;
          if (body.event_type !== 'order.placed') continue;
          orders++;
          keys.add(`${key} ${body.order_placed_at}`);
          const cell = times.get(body.order_placed_at) ?? new Set();
          times.set(body.order_placed_at, cell.add(key));
        }
        expect(orders).toBeGreaterThan(300);
        expect(keys.size).toBe(orders);
      }),
      { numRuns: 9, seed: 7 },
    );
  });
});

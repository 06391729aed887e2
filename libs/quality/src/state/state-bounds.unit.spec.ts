import * as fc from 'fast-check';
import type { OrderPlaced } from '@orderstream/contracts';
import { identityOf, PartitionState, qualitySettings, type RawRecord, type StateLimits, StateOverlay } from '../index';
import { orderKeyOf } from '../rules/order-rules';
import { identityOfRecord } from '../structure/structure';
import {
  evaluatorFor,
  iso,
  NOON_MS,
  placed,
  recordOf,
  sha,
  SOURCE,
  summary,
  TestPartition,
  uuid,
} from '../../test/fixtures';
import { contents, cuts, eventsIn, logs, restored, run, SMALL } from '../../test/logs';

const MAX_AHEAD_MS = qualitySettings().maxAheadMs;

describe('bounded state of a partition', () => {
  it('evicts the oldest events when it is restored under narrower bounds, and then deletes their records', () => {
    const log = Array.from({ length: 6 }, (_, index) =>
      recordOf(placed({ order_id: sha(String(index)), order_placed_at: iso(NOON_MS - index) }), {
        timestamp: NOON_MS + index,
      }),
    );
    const { stateLog } = run(log, [1, 1, 1, 1, 1], false);
    const narrow = restored(stateLog, { ...SMALL, events: { windowMs: 5_000, maxEntries: 2 } });
    const identities = log.map(({ headers }) => identityOfRecord(headers) ?? '');
    expect(eventsIn(narrow, identities)).toEqual({
      times: [NOON_MS + 4, NOON_MS + 5],
      ranks: [undefined, undefined, undefined, undefined, 0, 1],
    });
    expect(narrow.effectiveWindows().eventsMs).toBe(2);
    const next = recordOf(placed({ order_id: sha('next'), order_placed_at: iso(NOON_MS) }), { timestamp: NOON_MS + 9 });
    const { stateLog: later } = run([next], [], false, narrow);
    const removed = later.filter(({ key, value }) => key.startsWith('events/') && value === null);
    expect(removed.map(({ key }) => key)).toEqual(['events/0', 'events/1', 'events/2', 'events/3', 'events/4']);
  });

  it('evicts at most four entries of a kind per record when the bounds are narrower, and deletes their records', () => {
    const wide: StateLimits = {
      ...SMALL,
      lifecycles: { windowMs: 1e9, maxEntries: 40 },
      registrations: { maxEntries: 40 },
    };
    const order = (index: number): RawRecord =>
      recordOf(placed({ order_id: sha(`order ${String(index)}`), customer_id: sha(`customer ${String(index)}`) }), {
        timestamp: NOON_MS + index,
      });
    const log = Array.from({ length: 60 }, (_, index) => order(index));
    const { stateLog: topic } = run(log.slice(0, 40), [], false, new PartitionState(wide));
    const limits: StateLimits = {
      ...wide,
      lifecycles: { windowMs: 1e9, maxEntries: 2 },
      registrations: { maxEntries: 1 },
    };
    const state = restored(topic, limits);
    expect(state.sizes()).toMatchObject({ orders: 40, registrations: 40 });
    for (const record of log.slice(40)) {
      const { stateLog } = run([record], [], false, state);
      const removed = (prefix: string): number =>
        stateLog.filter(({ key, value }) => key.startsWith(prefix) && value === null).length;
      expect(removed('lifecycle/')).toBeLessThanOrEqual(4);
      expect(removed('registration/')).toBeLessThanOrEqual(4);
      topic.push(...stateLog);
    }
    expect([...state.orders.open.entries.keys()]).toEqual([58, 59].map((index) => sha(`order ${String(index)}`)));
    expect([...state.registrations.entries.keys()]).toEqual([sha('customer 59')]);
    expect(contents(restored(topic, limits), log)).toEqual(contents(state, log));
  });

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(logs, cuts, (log, sizes) => {
        const { events, orderKeys, orders, registrations } = run(log, sizes, false).state.sizes();
        expect(events).toBeLessThanOrEqual(SMALL.events.maxEntries);
        expect(orderKeys).toBeLessThanOrEqual(SMALL.orderKeys.maxEntries);
        expect(orders).toBeLessThanOrEqual(SMALL.lifecycles.maxEntries);
        expect(registrations).toBeLessThanOrEqual(SMALL.registrations.maxEntries);
      }),
    );
  });

  it('reports a shorter window when it evicts an entry before its window has ended', () => {
    const state = new PartitionState({ ...SMALL, events: { windowMs: 60_000, maxEntries: 2 } });
    const log = [0, 1_000, 3_000, 7_000].map((ms, index) =>
      recordOf(placed({ order_id: sha(`o${index.toString()}`), order_placed_at: iso(NOON_MS - ms - index) }), {
        timestamp: NOON_MS + ms,
      }),
    );
    run(log.slice(0, 2), [], false, state);
    expect(state.effectiveWindows().eventsMs).toBe(60_000);
    run(log.slice(2), [], false, state);
    expect(state.effectiveWindows().eventsMs).toBe(6_000);
  });

  it('reports a lengthened window as it grows', () => {
    const windows = (windowMs: number): StateLimits => ({
      events: { windowMs, maxEntries: 100 },
      orderKeys: { windowMs, maxEntries: 100 },
      lifecycles: { windowMs, maxEntries: 100 },
      registrations: { maxEntries: 100 },
    });
    const order = (ms: number): RawRecord =>
      recordOf(placed({ order_id: sha(`o${String(ms)}`), order_placed_at: iso(NOON_MS - 10_000 + ms) }), {
        timestamp: NOON_MS + ms,
      });
    const { stateLog } = run([0, 1_000, 5_000].map(order), [1], false, new PartitionState(windows(2_000)));
    const state = restored(stateLog, windows(60_000));
    // What was appended at 1,000 has left.
    expect(state.effectiveWindows()).toEqual({ eventsMs: 4_000, orderKeysMs: 4_000, lifecyclesMs: 4_000 });
    run([order(9_000)], [], false, state);
    expect(state.effectiveWindows()).toEqual({ eventsMs: 8_000, orderKeysMs: 8_000, lifecyclesMs: 8_000 });
  });

  it('moves no window by an append time that is more than 5 minutes ahead of the clock', () => {
    const order = (id: string, timestamp: number): RawRecord =>
      recordOf(placed({ event_id: uuid(7), order_id: sha(id), order_placed_at: iso(NOON_MS - 5_000) }), { timestamp });
    for (const [aheadMs, verdict] of [
      [MAX_AHEAD_MS, 'accept'],
      [MAX_AHEAD_MS + 1, 'skip'],
      [365 * 86_400_000, 'skip'],
    ] as const) {
      const partition = new TestPartition(evaluatorFor(), true, {
        ...SMALL,
        lifecycles: { windowMs: 2_000, maxEntries: 9 },
      });
      partition.clockMs = NOON_MS;
      partition.evaluate(order('1', NOON_MS));
      const ahead = recordOf(placed({ order_id: sha('2'), order_placed_at: iso(NOON_MS - 4_000) }), {
        timestamp: NOON_MS + aheadMs,
      });
      expect(summary(partition.evaluate(ahead))).toMatch(/^accept/);
      // The redelivery is recognized unless the window has moved.
      expect(summary(partition.evaluate(order('1', NOON_MS + 1)))).toBe(verdict);
      if (verdict === 'accept') continue;
      expect(partition.state.lastAppendMs).toBe(NOON_MS + 1);
      expect(partition.state.orders.get(sha('2'))).toMatchObject({ appendedAtMs: NOON_MS, updatedAtMs: NOON_MS });
      // What was appended ahead of the clock leaves with what was appended with it.
      partition.clockMs = NOON_MS + 10_000;
      partition.evaluate(
        recordOf(placed({ order_id: sha('3'), order_placed_at: iso(NOON_MS) }), { timestamp: NOON_MS + 10_000 }),
      );
      expect(partition.state.sizes()).toMatchObject({ orders: 1, events: 1, orderKeys: 1 });
    }
  });

  it('remembers everything within the windows that it reports', () => {
    const checked = { events: 0, orderKeys: 0 };
    // Events are evicted before they expire. Orders leave before their keys reach a bound, and take the keys along.
    const limits = {
      ...SMALL,
      events: { windowMs: 60_000, maxEntries: 4 },
      orderKeys: { windowMs: 20_000, maxEntries: 100 },
    };
    fc.assert(
      fc.property(fc.constantFrom(SMALL, limits), logs, cuts, (bounds, log, sizes) => {
        const { state, accepted } = run(log, sizes, false, new PartitionState(bounds));
        const { eventsMs, orderKeysMs } = state.effectiveWindows();
        const overlay = new StateOverlay(state);
        for (const { record } of accepted) {
          const age = state.lastAppendMs - record.timestamp;
          const body = JSON.parse(String(record.value)) as Omit<OrderPlaced, 'event_type'> & { event_type: string };
          if (age < eventsMs) {
            checked.events++;
            expect(overlay.hasEvent(identityOf(SOURCE, body.event_id))).toBe(true);
          }
          if (age < orderKeysMs && body.event_type === 'order.placed') {
            checked.orderKeys++;
            expect(overlay.hasOrderKey(orderKeyOf(body))).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(checked.events).toBeGreaterThan(200);
    expect(checked.orderKeys).toBeGreaterThan(20);
  });
});

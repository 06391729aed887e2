import * as fc from 'fast-check';
import type { OrderPlaced } from '@orderstream/contracts';
import {
  identityOf,
  PartitionState,
  qualitySettings,
  type RawRecord,
  type StateLimits,
  StateOverlay,
  type StateRecord,
  StateUnreadableError,
} from '../index';
import { orderKeyOf } from '../rules/order-rules';
import { digestOf, IdentityWindow, IdentityWindowOverlay } from './identity-window';
import { BoundedMap, BoundedMapOverlay } from './bounded-map';
import { identityOfRecord } from '../structure/structure';
import { type Fields, followUp, iso, NOON_MS, placed, recordOf, sha, SOURCE } from '../../test/fixtures';
import { contents, cuts, eventsIn, flagging, logs, restoreRecord, run, SMALL } from '../../test/logs';

/** What compaction may leave: the last record of each key, at its place. */
function compact(topic: readonly StateRecord[]): StateRecord[] {
  const last = new Map(topic.map(({ key }, index) => [key, index]));
  return topic.filter(({ key }, index) => last.get(key) === index);
}

function restored(topic: readonly StateRecord[], limits = SMALL): PartitionState {
  const state = new PartitionState(limits);
  for (const record of topic) restoreRecord(state, record);
  state.finishRestore();
  return state;
}

const MAX_AHEAD_MS = qualitySettings().maxAheadMs;

const evaluates = fc.constantFrom(undefined, flagging);

describe('state of a partition', () => {
  it('gives the same verdicts and the same state however the log is cut, and whatever is dropped between', () => {
    fc.assert(
      fc.property(logs, cuts, fc.boolean(), (log, sizes, dropFirst) => {
        const whole = run(log, [], false);
        const cut = run(log, sizes, dropFirst);
        expect(cut.verdicts).toEqual(whole.verdicts);
        expect(contents(cut.state, log)).toEqual(contents(whole.state, log));
      }),
      { numRuns: 100 },
    );
  });

  it('accounts for every record', () => {
    fc.assert(
      fc.property(logs, cuts, (log, sizes) => {
        const { state, verdicts } = run(log, sizes, false);
        const { input, accepted, repaired, skipped, deadLettered } = state.accounting;
        expect(input).toBe(log.length);
        const count = (kind: string): number => verdicts.filter((verdict) => verdict.startsWith(kind)).length;
        expect([accepted, repaired, skipped, deadLettered]).toEqual(['accept', 'repair', 'skip', 'reject'].map(count));
        expect(accepted + repaired + skipped + deadLettered).toBe(input);
      }),
    );
  });

  it('is the same after every restart, whatever compaction has left of the state topic', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(logs, cuts, fc.boolean()), { minLength: 1, maxLength: 4 }),
        evaluates,
        (lives, evaluate) => {
          const never = new PartitionState(SMALL);
          let state = never;
          const topic: StateRecord[] = [];
          const seen: RawRecord[] = [];
          for (const [log, sizes, compacted] of lives) {
            const shift = never.lastAppendMs === 0 ? 0 : never.lastAppendMs - NOON_MS;
            const later = log.map((record) => ({ ...record, timestamp: record.timestamp + shift }));
            const { verdicts, stateLog } = run(later, sizes, false, state, evaluate);
            topic.push(...stateLog);
            seen.push(...later);
            if (state !== never) expect(verdicts).toEqual(run(later, sizes, false, never, evaluate).verdicts);
            state = restored(compacted ? compact(topic) : topic);
            expect(contents(state, seen)).toEqual(contents(never, seen));
            expect(state.effectiveWindows()).toEqual(never.effectiveWindows());
            expect(state.nextOffset).toBe(never.nextOffset);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('has no more records of events in its topic than events that it remembers', () => {
    fc.assert(
      fc.property(logs, cuts, (log, sizes) => {
        const { state, stateLog } = run(log, sizes, false);
        const live = compact(stateLog).filter(({ key, value }) => key.startsWith('events/') && value !== null);
        expect(live.length).toBeLessThanOrEqual(state.sizes().events);
        expect(live.map(({ key }) => key)).toEqual(state.eventRecords.firsts.map((first) => `events/${String(first)}`));
      }),
    );
  });

  it('parts the events of a large batch, and restores them', () => {
    const state = new PartitionState({ ...SMALL, events: { windowMs: 60_000, maxEntries: 4_100 } });
    const topic: StateRecord[] = [];
    const identities: string[] = [];
    const batch = (name: string, sourceLength: number, count: number): StateRecord[] => {
      const overlay = new StateOverlay(state);
      for (let index = 0; index < count; index++) {
        const identity = identityOf('s'.repeat(sourceLength), `${name}${String(index)}`);
        identities.push(identity);
        overlay.settle({ kind: 'accept', flags: [] }, [{ kind: 'event', identity }], NOON_MS + (index >> 4));
      }
      const records = [...overlay.stateRecords(count)];
      overlay.fold(count);
      topic.push(...records);
      return records.filter(({ key }) => key.startsWith('events/'));
    };
    expect(batch('a', 9, 4_500).map(({ key }) => key)).toEqual(['events/0', 'events/2000', 'events/4000']);
    const [removed, ...written] = batch('b', 300, 2_000);
    expect(removed).toEqual({ key: 'events/0', value: null });
    expect(written.length).toBeGreaterThan(1);
    for (const { value } of written) expect(value?.length).toBeLessThan(600_000);
    const again = restored(topic, state.limits);
    expect(eventsIn(again, identities)).toEqual(eventsIn(state, identities));
    expect(again.eventRecords).toEqual(state.eventRecords);
  });

  it('leaves what is too many when it is restored under narrower bounds, and deletes its records', () => {
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

  it('shrinks to narrower bounds by a few entries per record, and deletes the records of what leaves', () => {
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
    expect([...state.openOrders.entries.keys()]).toEqual([58, 59].map((index) => sha(`order ${String(index)}`)));
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

  it('lets closed orders go first, and then flags what it cannot know any more', () => {
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 2 } });
    const order = (id: string, at: string): Fields =>
      placed({ order_id: sha(id), order_placed_at: at, vendor_id: sha('vendor') });
    const log = [
      order('open', '2026-03-01T08:00:00Z'),
      order('closed', '2026-03-01T09:00:00Z'),
      followUp('order.cancelled', { order_id: sha('closed') }),
      order('new', '2026-03-01T10:00:00Z'),
      followUp('order.paid', { order_id: sha('open') }),
      followUp('order.paid', { order_id: sha('closed'), order_placed_at: '2026-03-01T09:00:00Z' }),
      followUp('order.paid', { order_id: sha('never'), order_placed_at: '2026-03-01T09:30:00Z' }),
    ].map((body) => recordOf(body));
    expect(run(log, [], false, state).verdicts).toEqual([
      'accept',
      'accept',
      'accept',
      'accept',
      'accept',
      'accept lifecycle.unknown_order',
      'reject lifecycle.unknown_order',
    ]);
    expect(state.effectiveWindows().lifecyclesMs).toBe(0);
  });

  it('reports the shorter window once it had to forget early', () => {
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

  it('remembers everything within the windows that it reports', () => {
    // Orders leave before their keys are too many or too old, and take the keys with them.
    const limits = { ...SMALL, orderKeys: { windowMs: 20_000, maxEntries: 100 } };
    fc.assert(
      fc.property(fc.constantFrom(SMALL, limits), logs, cuts, (bounds, log, sizes) => {
        const { state, accepted } = run(log, sizes, false, new PartitionState(bounds));
        const { eventsMs, orderKeysMs } = state.effectiveWindows();
        const overlay = new StateOverlay(state);
        for (const { record } of accepted) {
          const age = state.lastAppendMs - record.timestamp;
          const body = JSON.parse(String(record.value)) as Omit<OrderPlaced, 'event_type'> & { event_type: string };
          if (age < eventsMs) expect(overlay.hasEvent(identityOf(SOURCE, body.event_id))).toBe(true);
          if (age < orderKeysMs && body.event_type === 'order.placed') {
            expect(overlay.hasOrderKey(orderKeyOf(body))).toBe(true);
          }
        }
      }),
    );
  });

  it('goes on rejecting what follows an unknown order when it has forgotten one that was dated far ahead', () => {
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 1 } });
    const placedAt = (id: string, order_placed_at: string): Fields => ({ order_id: sha(id), order_placed_at });
    const nextDayMs = NOON_MS + 86_400_000;
    const log = [
      recordOf(placed(placedAt('ahead', '2199-12-31T23:59:59.999Z'))),
      recordOf(placed(placedAt('now', iso(NOON_MS)))),
      // As far ahead as an event may be: it may be an order that was forgotten.
      recordOf(followUp('order.paid', placedAt('before', iso(NOON_MS + MAX_AHEAD_MS)))),
      recordOf(followUp('order.paid', placedAt('never', iso(NOON_MS + MAX_AHEAD_MS + 1)))),
      recordOf(followUp('order.paid', { ...placedAt('later', iso(nextDayMs)), occurred_at: iso(nextDayMs) }), {
        timestamp: nextDayMs,
      }),
    ];
    expect(run(log, [], false, state).verdicts).toEqual([
      'accept',
      'accept',
      'accept lifecycle.unknown_order',
      'reject lifecycle.unknown_order',
      'reject lifecycle.unknown_order',
    ]);
  });

  it.each([
    ['lifecycle/x', '{"v":1,"state":"paid","updatedAtMs":1,"placedAtMs":1,"appendedAtMs":1,"orderKey":""}'],
    ['lifecycle/x', '{"v":2,"state":"lost","updatedAtMs":1,"placedAtMs":1,"appendedAtMs":1,"orderKey":""}'],
    ['lifecycle/x', 'not JSON'],
    ['registration/x', '{"v":2}'],
    ['counters', '{"v":2,"accounting":{}}'],
    ['windows/x', '{"v":2}'],
    ['events/x', '{"v":2}'],
    ['events/0', '{"v":1,"firstMs":1,"runs":[],"identities":[]}'],
    ['events/0', '{"v":2,"firstMs":1,"runs":[0,2],"identities":["a"]}'],
    ['events/0', '{"v":2,"firstMs":1,"runs":[0,1],"identities":["a"]}'],
  ])('rejects to read %s %s, unless something took its place', (key, value) => {
    const state = new PartitionState();
    restoreRecord(state, { key, value });
    expect(() => {
      state.finishRestore();
    }).toThrow(StateUnreadableError);
    restoreRecord(state, { key, value: null });
    state.finishRestore();
  });
});

describe('BoundedMapOverlay', () => {
  /** What the overlay must do, the slow way: an array, oldest first. */
  it('agrees with a plain list, and leaves its base alone until it is folded', () => {
    const operation = fc.record({
      kind: fc.constantFrom('put', 'put', 'delete', 'forget', 'crowdOut', 'expire', 'fold', 'drop'),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
        const base = new BoundedMap<number>({ windowMs: 5, maxEntries: 100 }, (at) => at);
        let overlay = new BoundedMapOverlay(base);
        let list: [string, number][] = [];
        let committed: [string, number][] = [];
        let crowdedOutAt: number | undefined;
        let committedCrowdedOutAt: number | undefined;
        const crowdedOut = (entry: [string, number] | undefined): void => {
          if (entry !== undefined) crowdedOutAt = Math.max(crowdedOutAt ?? -1, entry[1]);
        };
        operations.forEach(({ kind, key }, now) => {
          const others = list.filter(([name]) => name !== key);
          if (kind === 'put') {
            overlay.put(key, now);
            list = [...others, [key, now]];
          } else if (kind === 'delete') {
            overlay.delete(key);
            list = others;
          } else if (kind === 'forget') {
            overlay.forget(key);
            crowdedOut(list.find(([name]) => name === key));
            list = others;
          } else if (kind === 'crowdOut') {
            crowdedOut(list[0]);
            expect(overlay.crowdOut()?.key).toBe(list[0]?.[0]);
            list = list.slice(1);
          } else if (kind === 'expire') {
            const old = list.filter(([, at]) => at < now - 5).length;
            let gone = 0;
            while (overlay.expire(now) !== undefined) gone++;
            expect(gone).toBe(old);
            list = list.slice(old);
          } else {
            if (kind === 'fold') {
              overlay.fold();
              committed = list;
              committedCrowdedOutAt = crowdedOutAt;
            }
            list = committed;
            crowdedOutAt = committedCrowdedOutAt;
            overlay = new BoundedMapOverlay(base);
          }
          expect([...base.entries]).toEqual(committed);
          expect(base.crowdedOutAtMs).toBe(committedCrowdedOutAt);
          expect(overlay.crowdedOutAt()).toBe(crowdedOutAt);
          expect(overlay.size).toBe(list.length);
          expect(overlay.oldest()).toEqual(list[0] && { key: list[0][0], value: list[0][1] });
          for (const name of ['a', 'b', 'c', 'd', 'e']) {
            expect(overlay.get(name)).toBe(list.find(([known]) => known === name)?.[1]);
          }
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe('IdentityWindowOverlay', () => {
  const SOURCES = 400;

  /** What the overlay must do, the slow way: an array, oldest first. */
  it('agrees with a plain list, and leaves its base alone until it is folded', () => {
    const operation = fc.record({
      kind: fc.constantFrom('add', 'add', 'add', 'addMany', 'crowdOut', 'expire', 'fold', 'fold', 'drop'),
      id: fc.integer({ min: 0, max: SOURCES - 1 }),
      step: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 80, size: 'max' }),
        fc.integer({ min: 1, max: 300 }),
        (operations, maxEntries) => {
          const base = new IdentityWindow({ windowMs: 20, maxEntries });
          let overlay = new IdentityWindowOverlay(base);
          let list: [id: string, at: number][] = [];
          let committed: [id: string, at: number][] = [];
          let crowdedOutAt: number | undefined;
          let committedCrowdedOutAt: number | undefined;
          let now = 0;
          const add = (id: string): void => {
            overlay.add(id, now);
            if (!list.some(([known]) => known === id)) list.push([id, now]);
          };
          for (const { kind, id, step } of operations) {
            now += step;
            if (kind === 'add') add(String(id));
            else if (kind === 'addMany') for (let index = 0; index < 60; index++) add(String((id + index) % SOURCES));
            else if (kind === 'crowdOut') {
              overlay.crowdOut();
              const [oldest] = list;
              if (oldest !== undefined) crowdedOutAt = Math.max(crowdedOutAt ?? -1, oldest[1]);
              list = list.slice(1);
            } else if (kind === 'expire') {
              overlay.expire(now);
              list = list.filter(([, at]) => at >= now - 20);
            } else {
              if (kind === 'fold') {
                const added = list.filter((entry) => !committed.includes(entry));
                expect([...overlay.added()]).toEqual(
                  added.map(([identity, appendedAtMs]) => ({ identity, appendedAtMs })),
                );
                overlay.fold();
                committed = list;
                committedCrowdedOutAt = crowdedOutAt;
              }
              list = [...committed];
              crowdedOutAt = committedCrowdedOutAt;
              overlay = new IdentityWindowOverlay(base);
            }
            expect(overlay.size).toBe(list.length);
            expect(overlay.crowdedOutAt()).toBe(crowdedOutAt);
            expect(base.crowdedOutAtMs).toBe(committedCrowdedOutAt);
            expect(Array.from({ length: base.size }, (_, rank) => base.timeAt(rank))).toEqual(
              committed.map(([, at]) => at),
            );
            const ranks = new Map(committed.map(([known], rank) => [known, rank]));
            const held = new Set(list.map(([known]) => known));
            for (let known = 0; known < SOURCES; known++) {
              if (base.rankOf(digestOf(String(known))) !== ranks.get(String(known)))
                throw new Error(`rank of ${String(known)}`);
              if (overlay.has(String(known)) !== held.has(String(known)))
                throw new Error(`${String(known)} is there or not`);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('finds each of many, while the oldest leave and others come', () => {
    const window = new IdentityWindow({ windowMs: 1e9, maxEntries: 5_000 });
    for (let id = 0; id < 30_000; id++) {
      if (window.size === 5_000) window.removeOldest(1);
      window.append(digestOf(String(id)), id);
    }
    const first = 25_000;
    for (let id = 0; id < 30_000; id++) {
      expect(window.rankOf(digestOf(String(id)))).toBe(id < first ? undefined : id - first);
    }
    expect(window.timeAt(0)).toBe(first);
    expect(() => window.timeAt(5_000)).toThrow(RangeError);
  });
});

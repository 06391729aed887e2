import * as fc from 'fast-check';
import { identityOf, PartitionState, StateOverlay, type StateRecord, StateUnreadableError } from '../src';
import { BoundedMap, BoundedMapOverlay } from '../src/state/bounded-map';
import { type Fields, followUp, iso, NOON_MS, placed, recordOf, sha } from './fixtures';
import { contents, cuts, flagging, logs, restoreRecord, run, SMALL } from './logs';

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

const judges = fc.constantFrom(undefined, flagging);

describe('state of a partition', () => {
  it('gives the same verdicts and the same state however the log is cut, and whatever is dropped between', () => {
    fc.assert(
      fc.property(logs, cuts, fc.boolean(), (log, sizes, dropFirst) => {
        const whole = run(log, [], false);
        const cut = run(log, sizes, dropFirst);
        expect(cut.verdicts).toEqual(whole.verdicts);
        expect(contents(cut.state)).toEqual(contents(whole.state));
      }),
      { numRuns: 200 },
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
        judges,
        (lives, judge) => {
          const never = new PartitionState(SMALL);
          let state = never;
          const topic: StateRecord[] = [];
          for (const [log, sizes, compacted] of lives) {
            const shift = never.lastAppendMs === 0 ? 0 : never.lastAppendMs - NOON_MS;
            const later = log.map((record) => ({ ...record, timestamp: record.timestamp + shift }));
            const { verdicts, stateLog } = run(later, sizes, false, state, judge);
            topic.push(...stateLog);
            if (state !== never) expect(verdicts).toEqual(run(later, sizes, false, never, judge).verdicts);
            state = restored(compacted ? compact(topic) : topic);
            expect(contents(state)).toEqual(contents(never));
            expect(state.effectiveWindows()).toEqual(never.effectiveWindows());
            expect(state.nextOffset).toBe(never.nextOffset);
          }
        },
      ),
      { numRuns: 300 },
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
    const batch = (name: string, sourceLength: number, count: number): StateRecord[] => {
      const overlay = new StateOverlay(state);
      for (let index = 0; index < count; index++) {
        const identity = identityOf('s'.repeat(sourceLength), `${name}${String(index)}`);
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
    expect([...again.events.entries]).toEqual([...state.events.entries]);
    expect(again.eventRecords).toEqual(state.eventRecords);
  });

  it('leaves what is too many when it is restored under narrower bounds, and deletes its records', () => {
    const { state, stateLog } = run(
      Array.from({ length: 6 }, (_, index) =>
        recordOf(placed({ order_id: sha(String(index)), order_placed_at: iso(NOON_MS - index) }), {
          timestamp: NOON_MS + index,
        }),
      ),
      [1, 1, 1, 1, 1],
      false,
    );
    const narrow = restored(stateLog, { ...SMALL, events: { windowMs: 5_000, maxEntries: 2 } });
    expect([...narrow.events.entries]).toEqual([...state.events.entries].slice(-2));
    expect(narrow.effectiveWindows().eventsMs).toBe(2);
    const next = recordOf(placed({ order_id: sha('next'), order_placed_at: iso(NOON_MS) }), { timestamp: NOON_MS + 9 });
    const { stateLog: later } = run([next], [], false, narrow);
    const removed = later.filter(({ key, value }) => key.startsWith('events/') && value === null);
    expect(removed.map(({ key }) => key)).toEqual(['events/0', 'events/1', 'events/2', 'events/3', 'events/4']);
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
  ])('refuses to read %s %s, unless something took its place', (key, value) => {
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
      kind: fc.constantFrom('put', 'put', 'delete', 'crowdOut', 'expire', 'fold', 'drop'),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const base = new BoundedMap<number>({ windowMs: 5, maxEntries: 100 }, (at) => at);
        let overlay = new BoundedMapOverlay(base);
        let list: [string, number][] = [];
        let committed: [string, number][] = [];
        operations.forEach(({ kind, key }, now) => {
          const others = list.filter(([name]) => name !== key);
          if (kind === 'put') {
            overlay.put(key, now);
            list = [...others, [key, now]];
          } else if (kind === 'delete') {
            overlay.delete(key);
            list = others;
          } else if (kind === 'crowdOut') {
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
            }
            list = committed;
            overlay = new BoundedMapOverlay(base);
          }
          expect([...base.entries]).toEqual(committed);
          expect(overlay.size).toBe(list.length);
          expect(overlay.oldest()).toEqual(list[0] && { key: list[0][0], value: list[0][1] });
          for (const name of ['a', 'b', 'c', 'd', 'e']) {
            expect(overlay.get(name)).toBe(list.find(([known]) => known === name)?.[1]);
          }
        });
      }),
      { numRuns: 300 },
    );
  });
});

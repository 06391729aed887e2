import * as fc from 'fast-check';
import { identityOf, PartitionState, StateUnreadableError } from '../src';
import { BoundedMap, BoundedMapOverlay } from '../src/state/bounded-map';
import { type Fields, followUp, iso, NOON_MS, placed, recordOf, sha, SOURCE } from './fixtures';
import { contents, cuts, logs, run, SMALL } from './logs';

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

  it('is the same after a restore from the compacted state topic and the validated tail', () => {
    fc.assert(
      fc.property(logs, logs, cuts, (log, later, sizes) => {
        const { state, stateLog, accepted } = run(log, sizes, false);
        const restored = new PartitionState(SMALL);
        const last = new Map(stateLog.map(({ key }, index) => [key, index]));
        stateLog.forEach(({ key, value }, index) => {
          if (last.get(key) === index) restored.restoreRecord(key, value);
        });
        for (const { headers, timestamp } of accepted.map(({ record }) => record)) {
          if (timestamp < restored.lastAppendMs - SMALL.events.windowMs) continue;
          restored.restoreEvent(identityOf(SOURCE, String(headers.ce_id)), timestamp);
        }
        restored.finishRestore();
        expect(restored.nextOffset).toBe(state.nextOffset);
        const shift = state.lastAppendMs - NOON_MS;
        const after = later.map((record) => ({ ...record, timestamp: record.timestamp + shift }));
        expect(run(after, [], false, restored).verdicts).toEqual(run(after, [], false, state).verdicts);
      }),
      { numRuns: 200 },
    );
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
    ['lifecycle/x', '{"v":2,"state":"paid"}'],
    ['lifecycle/x', '{"v":1,"state":"lost","updatedAtMs":1,"placedAtMs":1,"appendedAtMs":1,"orderKey":""}'],
    ['lifecycle/x', 'not JSON'],
    ['registration/x', '{"v":1}'],
    ['counters', '{"v":1,"accounting":{}}'],
    ['windows/x', '{"v":1}'],
  ])('refuses to read %s %s, unless something took its place', (key, value) => {
    const state = new PartitionState();
    state.restoreRecord(key, value);
    expect(() => {
      state.finishRestore();
    }).toThrow(StateUnreadableError);
    state.restoreRecord(key, null);
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

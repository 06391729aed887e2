import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import {
  identityOf,
  PartitionState,
  type RawRecord,
  StateOverlay,
  type StateRecord,
  StateUnreadableError,
} from '../index';
import { followUp, NOON_MS, placed, recordOf, sha } from '../../test/fixtures';
import { contents, cuts, eventsIn, flagging, logs, restored, restoreRecord, run, SMALL } from '../../test/logs';

/** The most that compaction removes: only the last record of each key is left. */
function compact(topic: readonly StateRecord[]): StateRecord[] {
  const last = new Map(topic.map(({ key }, index) => [key, index]));
  return topic.filter(({ key }, index) => last.get(key) === index);
}

const evaluators = fc.constantFrom(undefined, flagging);

describe('state of a partition', () => {
  it('gives the same verdicts and the same state for every cut into batches, also after dropped batches', () => {
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

  it('counts what a command leaves out as input without a verdict', () => {
    const { state, stateLog } = run([recordOf(placed())], [], false);
    const overlay = new StateOverlay(state);
    overlay.passOver(40);
    stateLog.push(...overlay.stateRecords(41));
    overlay.fold(41);
    for (const each of [state, restored(stateLog)]) {
      expect(each.accounting).toMatchObject({ input: 41, accepted: 1, passedOver: 40, deadLettered: 0 });
      expect(each.nextOffset).toBe(41);
    }
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

  it('is the same after every restart, with and without compaction of the state topic', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(logs, cuts, fc.boolean()), { minLength: 1, maxLength: 4 }),
        evaluators,
        (runs, evaluator) => {
          const neverRestarted = new PartitionState(SMALL);
          let state = neverRestarted;
          const topic: StateRecord[] = [];
          const seen: RawRecord[] = [];
          for (const [log, sizes, compacted] of runs) {
            const shift = neverRestarted.lastAppendMs === 0 ? 0 : neverRestarted.lastAppendMs - NOON_MS;
            const later = log.map((record) => ({ ...record, timestamp: record.timestamp + shift }));
            const { verdicts, stateLog } = run(later, sizes, false, state, evaluator);
            topic.push(...stateLog);
            seen.push(...later);
            if (state !== neverRestarted) {
              expect(verdicts).toEqual(run(later, sizes, false, neverRestarted, evaluator).verdicts);
            }
            state = restored(compacted ? compact(topic) : topic);
            expect(contents(state, seen)).toEqual(contents(neverRestarted, seen));
            expect(state.effectiveWindows()).toEqual(neverRestarted.effectiveWindows());
            expect(state.nextOffset).toBe(neverRestarted.nextOffset);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('has at most as many event records in its topic as remembered events', () => {
    fc.assert(
      fc.property(logs, cuts, (log, sizes) => {
        const { state, stateLog } = run(log, sizes, false);
        const live = compact(stateLog).filter(({ key, value }) => key.startsWith('events/') && value !== null);
        expect(live.length).toBeLessThanOrEqual(state.sizes().events);
        expect(live.map(({ key }) => key)).toEqual(state.events.firsts.map((first) => `events/${String(first)}`));
      }),
    );
  });

  it('splits the events of a large batch into several records, and restores them', () => {
    const limits = { ...SMALL, events: { windowMs: 60_000, maxEntries: 4_100 } };
    const state = new PartitionState(limits);
    const topic: StateRecord[] = [];
    const identities: string[] = [];
    const batch = (name: string, sourceLength: number, count: number): StateRecord[] => {
      const overlay = new StateOverlay(state);
      for (let index = 0; index < count; index++) {
        const identity = identityOf('s'.repeat(sourceLength), `${name}${String(index)}`);
        identities.push(identity);
        overlay.advanceTo(NOON_MS + (index >> 4), NOON_MS);
        overlay.settle({ kind: 'accept', flags: [] }, [{ kind: 'event', identity }]);
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
    const again = restored(topic, limits);
    expect(eventsIn(again, identities)).toEqual(eventsIn(state, identities));
    expect([again.events.firsts, again.events.next]).toEqual([state.events.firsts, state.events.next]);
    // Of the first batch, 400 identities leave before they are written.
    expect(state.events.next).toBe(6_100);
  });

  it.each([
    [
      'lifecycle/x',
      '{"v":2,"state":"paid","updatedAtMs":1,"placedAtMs":1,"appendedAtMs":1,"orderKey":"","certain":true}',
    ],
    [
      'lifecycle/x',
      '{"v":3,"state":"lost","updatedAtMs":1,"placedAtMs":1,"appendedAtMs":1,"orderKey":"","certain":true}',
    ],
    ['lifecycle/x', 'not JSON'],
    ['registration/x', '{"v":3}'],
    ['counters', '{"v":3,"accounting":{}}'],
    ['windows/x', '{"v":3}'],
    ['events/x', '{"v":3}'],
    ['events/0', '{"v":2,"firstMs":1,"runs":[],"identities":[]}'],
    ['events/0', '{"v":3,"firstMs":1,"runs":[0,2],"identities":["a"]}'],
    ['events/0', '{"v":3,"firstMs":1,"runs":[0,1],"identities":["a"]}'],
  ])('cannot be restored from %s %s, unless a later record replaces it', (key, value) => {
    const state = new PartitionState();
    restoreRecord(state, { key, value });
    expect(() => {
      state.finishRestore();
    }).toThrow(StateUnreadableError);
    restoreRecord(state, { key, value: null });
    state.finishRestore();
    expect(state.sizes()).toEqual({ events: 0, orderKeys: 0, orders: 0, registrations: 0 });
  });

  it('is written to the state topic in version 3 of its records', () => {
    const log = [
      recordOf(placed({ event_id: 'e-1', order_placed_at: '2026-03-01T11:59:59Z' }), { timestamp: NOON_MS }),
      recordOf(followUp('order.paid', { event_id: 'e-2' }), { timestamp: NOON_MS + 5 }),
      recordOf(followUp('order.shipped', { event_id: 'e-3' }), { timestamp: NOON_MS + 5 }),
      recordOf(placed({ event_id: 'e-4' }), { timestamp: NOON_MS + 6 }),
    ];
    const { stateLog } = run(
      log,
      [3],
      false,
      new PartitionState({ ...SMALL, events: { windowMs: 5_000, maxEntries: 3 } }),
    );
    const orderKey = createHash('sha256')
      .update(`${sha('customer')}\n${sha('vendor')}\n1772366399000000`)
      .digest('base64url')
      .slice(0, 22);
    expect(stateLog.map(({ key, value }) => `${key} ${String(value)}`)).toEqual([
      'events/0 {"v":3,"firstMs":1772366400000,"runs":[0,1,5,2],"identities":["e-1 /test","e-2 /test","e-3 /test"]}',
      `lifecycle/${sha('order 1')} {"v":3,"state":"shipped","updatedAtMs":1772366400005,"placedAtMs":1772366399000,` +
        `"appendedAtMs":1772366400000,"orderKey":"${orderKey}","certain":true}`,
      `registration/${sha('customer')} {"v":3,"registeredAt":"2025-01-01T00:00:00.000Z","learnedAtMs":1772366400000,"certain":true}`,
      'counters {"v":3,"accounting":{"input":3,"accepted":3,"repaired":0,"skipped":0,"deadLettered":0,"passedOver":0,"flagged":0,' +
        '"rules":{}},"nextOffset":3,"lastAppendMs":1772366400005,"nextEvent":3,"rememberedEvents":3,' +
        '"rememberedOrderKeys":1}',
      'counters {"v":3,"accounting":{"input":4,"accepted":3,"repaired":0,"skipped":0,"deadLettered":1,"passedOver":0,"flagged":0,' +
        '"rules":{"duplicate.order":1,"lifecycle.illegal_transition":1}},"nextOffset":4,' +
        '"lastAppendMs":1772366400006,"nextEvent":3,"rememberedEvents":3,"rememberedOrderKeys":1}',
    ]);
  });
});

import * as fc from 'fast-check';
import {
  PartitionState,
  passOver,
  qualitySettings,
  type RawRecord,
  readSummary,
  StateRebuild,
  type StateRebuildOptions,
  type StateSummary,
  type Verdict,
} from '../index';
import { evaluatorFor, followUp, iso, NOON_MS, placed, recordOf, sha } from '../../test/fixtures';
import { contents, cuts, logs, restored, run, SMALL } from '../../test/logs';

const FLAGS = 'quality-flags';
const aheadAllowed = evaluatorFor('orders', { 'time.in_future': 'off' });

/** The validated record of an accepted or repaired one. */
function validated(record: RawRecord, verdict: Verdict): RawRecord {
  if (verdict.kind !== 'accept' && verdict.kind !== 'repair')
    throw new TypeError(`a ${verdict.kind} has no validated record`);
  return {
    ...record,
    value: verdict.kind === 'repair' ? Buffer.from(JSON.stringify(verdict.body)) : record.value,
    headers: { ...record.headers, ...(verdict.flags.length === 0 ? {} : { [FLAGS]: verdict.flags.join(',') }) },
  };
}

const rebuildOf = (forgottenUntilMs?: number, changes: Partial<StateRebuildOptions> = {}): StateRebuild =>
  new StateRebuild({
    limits: SMALL,
    flagsHeader: FLAGS,
    isRepair: (code) => code.startsWith('drift.'),
    forgottenUntilMs,
    clockMs: Infinity,
    maxAheadMs: 5,
    ...changes,
  });

const summaryOf = (log: readonly { key: string; value: string | null }[]): StateSummary | undefined =>
  readSummary(log.findLast(({ key }) => key === 'counters')?.value ?? '');

describe('a rebuilt state', () => {
  it('gives the same verdicts as the lost state if the validated log is complete', () => {
    fc.assert(
      fc.property(logs, logs, cuts, (log, later, sizes) => {
        const { state, stateLog, accepted } = run(log, sizes, false);
        const rebuild = rebuildOf();
        const topic = accepted.map(({ record, verdict }) => validated(record, verdict));
        for (const record of topic) rebuild.accepted(record);
        const { records } = rebuild.finish(log.length, summaryOf(stateLog));
        const again = restored(records);
        expect(again.accounting).toEqual(state.accounting);
        expect(again.nextOffset).toBe(log.length);
        const shift = state.lastAppendMs - NOON_MS;
        const after = later.map((record) => ({ ...record, timestamp: record.timestamp + shift }));
        expect(run(after, [], false, again).verdicts).toEqual(run(after, [], false, state).verdicts);
        const both = [...log, ...after];
        expect(contents(again, both)).toEqual(contents(state, both));
      }),
      { numRuns: 100 },
    );
  });

  it('flags, and does not reject, an event of an accepted order that retention has removed', () => {
    let flagged = 0;
    fc.assert(
      fc.property(logs, fc.double({ min: 0, max: 1, noNaN: true }), (log, share) => {
        const { state, accepted, stateLog } = run(log, [], false);
        const left = accepted.slice(Math.floor(accepted.length * share));
        const [first] = left;
        const rebuild = rebuildOf(first?.record.timestamp ?? state.lastAppendMs);
        for (const { record, verdict } of left) rebuild.accepted(validated(record, verdict));
        const { records } = rebuild.finish(log.length, summaryOf(stateLog));
        for (const { order_id, order_placed_at } of placedIn(accepted)) {
          const again = restored(records);
          const isRebuilt = again.orders.get(order_id) !== undefined;
          const paid = recordOf(followUp('order.paid', { order_id, order_placed_at }), {
            timestamp: state.lastAppendMs,
          });
          const [verdict] = run([paid], [], false, again).verdicts;
          expect(verdict).not.toBe('reject lifecycle.unknown_order');
          if (isRebuilt) continue;
          flagged++;
          expect(verdict).toBe('accept lifecycle.unknown_order');
        }
      }),
    );
    expect(flagged).toBeGreaterThan(50);
  });

  it('flags, and does not reject, an event of an order that cannot be read, and counts it', () => {
    let flagged = 0;
    fc.assert(
      fc.property(logs, fc.nat(), fc.nat(), (log, start, count) => {
        const { state, accepted } = run(log, [], false);
        const from = start % (accepted.length + 1);
        const until = Math.min(accepted.length, from + (count % 8));
        const rebuild = rebuildOf();
        const add = (part: typeof accepted): void => {
          for (const { record, verdict } of part) rebuild.accepted(validated(record, verdict));
        };
        add(accepted.slice(0, from));
        const lost = accepted.slice(from, until);
        const last = lost.at(-1);
        if (last !== undefined) rebuild.unreadable(lost.length, last.record.timestamp);
        add(accepted.slice(until));
        const { records } = rebuild.finish(log.length, undefined);
        const { accepted: counted, repaired } = restored(records).accounting;
        expect(counted + repaired).toBe(accepted.length);
        for (const { order_id, order_placed_at } of placedIn(lost)) {
          const again = restored(records);
          if (again.orders.get(order_id) !== undefined) continue;
          const paid = recordOf(followUp('order.paid', { order_id, order_placed_at }), {
            timestamp: state.lastAppendMs,
          });
          expect(run([paid], [], false, again).verdicts).toEqual(['accept lifecycle.unknown_order']);
          flagged++;
        }
      }),
    );
    expect(flagged).toBeGreaterThan(50);
  });

  it('has orders that go on from an event behind those that cannot be read, and flags what they explain', () => {
    const at = (body: Parameters<typeof recordOf>[0], ms: number): RawRecord =>
      recordOf(body, { timestamp: NOON_MS + ms });
    const order = { order_placed_at: iso(NOON_MS) };
    const rebuild = rebuildOf();
    rebuild.accepted(at(placed(order), 0));
    rebuild.accepted(at(placed({ order_id: sha('2'), order_placed_at: iso(NOON_MS - 1) }), 1));
    // order.paid of both.
    rebuild.unreadable(2, NOON_MS + 3);
    rebuild.accepted(at(followUp('order.shipped', order), 4));
    const { records } = rebuild.finish(5, undefined);
    const verdicts = (...log: RawRecord[]): unknown => run(log, [], false, restored(records)).verdicts;
    expect(verdicts(at(followUp('order.delivered', order), 5))).toEqual(['accept']);
    const shipped = followUp('order.shipped', { order_id: sha('2'), order_placed_at: iso(NOON_MS - 1) });
    expect(verdicts(at(shipped, 5))).toEqual(['accept lifecycle.illegal_transition']);
  });

  it('does not prove more than the old state where records were passed over', () => {
    const partition = new PartitionState(SMALL);
    const { accepted } = run([recordOf(placed())], [], false, partition);
    const { value } = passOver(partition, {
      records: 1,
      untilMs: NOON_MS + 1,
      nextOffset: 2,
      log: { topicId: undefined, lastOffset: 1, lastAppendMs: NOON_MS + 1 },
      maxAheadMs: 5,
    });
    const old = readSummary(value ?? '');
    const rebuild = rebuildOf(undefined, { lastAppendMs: old?.lastAppendMs, missedUntilMs: old?.missedUntilMs });
    for (const { record, verdict } of accepted) rebuild.accepted(validated(record, verdict));
    const again = restored(rebuild.finish(2, old).records);
    expect([again.missedUntilMs, again.effectiveWindows()]).toEqual([NOON_MS + 1, partition.effectiveWindows()]);
    const shipped = recordOf(followUp('order.shipped'), { timestamp: NOON_MS + 2 });
    expect(run([shipped], [], false, again).verdicts).toEqual(['accept lifecycle.illegal_transition']);
  });

  it('has windows that no append time ahead of the clock moves, also when the clock has passed it since', () => {
    const HOUR_MS = 3_600_000;
    const limits = { ...SMALL, events: { windowMs: HOUR_MS, maxEntries: 9 } };
    const state = new PartitionState(limits);
    const log = [0, 2 * HOUR_MS, 2].map((aheadMs, n) => {
      const ids = { event_id: `e-${String(n)}`, order_id: sha(`order ${String(n)}`) };
      const body = placed({ ...ids, order_placed_at: iso(NOON_MS - 1_000 * n) });
      return recordOf(body, { timestamp: NOON_MS + aheadMs });
    });
    const { accepted, stateLog } = run(log, [], false, state, evaluatorFor(), () => NOON_MS + 1);
    expect(accepted).toHaveLength(3);
    expect(state.lastAppendMs).toBe(NOON_MS + 2);
    expect(state.sizes().events).toBe(3);
    const old = summaryOf(stateLog);
    const rebuildLater = (lastAppendMs: number | undefined, forgottenUntilMs?: number): PartitionState => {
      const rebuild = rebuildOf(forgottenUntilMs, { limits, clockMs: NOON_MS + 3 * HOUR_MS, lastAppendMs });
      for (const { record, verdict } of accepted) rebuild.accepted(validated(record, verdict));
      return rebuild.finish(log.length, old).state;
    };
    expect(rebuildLater(old?.lastAppendMs).sizes()).toEqual(state.sizes());
    expect(rebuildLater(old?.lastAppendMs).lastAppendMs).toBe(state.lastAppendMs);
    // Retention has removed what was before the record whose append time is ahead.
    const cut = rebuildLater(old?.lastAppendMs, NOON_MS + 2 * HOUR_MS);
    expect(cut.events.identities.leftAtMs).toBe(state.lastAppendMs);
    expect(cut.orders.forgottenPlacedUntilMs).toBe(state.lastAppendMs + 5);
    // What a rebuild adds to other memories counts in the same way.
    const counting = rebuildOf(undefined, { clockMs: NOON_MS + 3 * HOUR_MS, lastAppendMs: NOON_MS });
    expect([NOON_MS, NOON_MS + 2 * HOUR_MS].map((ms) => counting.countedMs(ms))).toEqual([NOON_MS, NOON_MS]);
    // Without the old state's time the clock is all there is.
    expect(rebuildLater(undefined).lastAppendMs).toBe(NOON_MS + 2 * HOUR_MS);
  });

  it('has a horizon at most as far ahead as events may be dated', () => {
    const { maxAheadMs } = qualitySettings();
    const ahead = { order_placed_at: '2199-12-31T23:59:59.999Z' };
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 1 } });
    const log = [placed(ahead), placed({ order_id: sha('2') })].map((body) => recordOf(body));
    const { accepted, stateLog } = run(log, [], false, state, aheadAllowed);
    expect(state.orders.forgottenPlacedUntilMs).toBe(NOON_MS + maxAheadMs);
    const oldSummary = summaryOf(stateLog);
    if (oldSummary === undefined) throw new Error('there is no summary');
    const horizonOf = (records: readonly RawRecord[], summary: StateSummary, maxOrders: number): unknown => {
      const limits = { ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: maxOrders } };
      const rebuild = rebuildOf(undefined, { limits, maxAheadMs });
      for (const record of records) rebuild.accepted(record);
      return rebuild.finish(2, summary).state.orders.forgottenPlacedUntilMs;
    };
    const topic = accepted.map(({ record, verdict }) => validated(record, verdict));
    const noHorizon = { ...oldSummary, forgottenPlacedUntilMs: undefined };
    // The rebuild forgets the order; retention has removed its order.placed; the old summary is not limited.
    expect(horizonOf(topic, noHorizon, 1)).toBe(NOON_MS + maxAheadMs);
    expect(horizonOf([recordOf(followUp('order.paid', ahead))], noHorizon, 2)).toBe(NOON_MS + maxAheadMs);
    expect(horizonOf(topic, { ...oldSummary, forgottenPlacedUntilMs: Date.UTC(2199, 11) }, 2)).toBe(
      NOON_MS + maxAheadMs,
    );
  });

  it('never repairs by a registration whose first order retention has removed, and repairs by a later one', () => {
    const order = (id: string, customer_id: string, customer_registered_at: string, ms: number): RawRecord =>
      recordOf(placed({ order_id: sha(id), customer_id, customer_registered_at, order_placed_at: iso(NOON_MS + ms) }), {
        timestamp: NOON_MS + ms,
      });
    const removedUntilMs = NOON_MS - 5_000;
    const rebuild = rebuildOf(removedUntilMs);
    // The first customer may have ordered before, with another registration.
    rebuild.accepted(order('1', sha('old'), '2025-01-02T00:00:00.000Z', 0));
    rebuild.accepted(order('2', sha('new'), iso(NOON_MS - 2_000), 1));
    const again = restored(rebuild.finish(7, undefined).records);
    const log = [
      order('3', sha('old'), '2025-01-01T00:00:00.000Z', 2),
      order('4', sha('new'), iso(NOON_MS - 1_000), 3),
    ];
    expect(run(log, [], false, again).verdicts).toEqual(['accept drift.customer', 'repair drift.customer']);
  });

  it('reports the windows that the shortened log leaves', () => {
    const rebuild = rebuildOf(NOON_MS);
    rebuild.accepted(recordOf(placed(), { timestamp: NOON_MS }));
    rebuild.accepted(recordOf(placed({ order_id: sha('2') }), { timestamp: NOON_MS + 1_500 }));
    const { state, records } = rebuild.finish(7, undefined);
    const windows = { eventsMs: 1_500, orderKeysMs: 1_500, lifecyclesMs: 1_500, registrationsMs: 1_500 };
    expect(state.effectiveWindows()).toEqual(windows);
    expect(restored(records).effectiveWindows()).toEqual(windows);
  });

  it('recounts the outcomes if the accounting is lost, and ignores records that no validator wrote', () => {
    const rebuild = rebuildOf();
    rebuild.accepted(recordOf(placed()));
    const drifted = recordOf(placed({ order_id: sha('2'), order_placed_at: iso(NOON_MS) }));
    rebuild.accepted({ ...drifted, headers: { ...drifted.headers, [FLAGS]: 'drift.product,time.too_late' } });
    rebuild.accepted({ ...drifted, value: Buffer.from('hello') });
    rebuild.accepted({ ...drifted, headers: {} });
    rebuild.deadLettered(['structure.malformed_json']);
    rebuild.skipped();
    const { state } = rebuild.finish(9, undefined);
    expect(rebuild.ignored).toBe(2);
    expect(state.accounting).toEqual({
      input: 4,
      accepted: 1,
      repaired: 1,
      skipped: 1,
      deadLettered: 1,
      passedOver: 0,
      flagged: 0,
      rules: { 'drift.product': 1, 'time.too_late': 1, 'structure.malformed_json': 1, 'duplicate.event': 1 },
    });
  });
});

/** The order.placed bodies among the accepted records. */
const placedIn = (accepted: readonly { record: RawRecord }[]) =>
  accepted
    .map(({ record }) => JSON.parse(String(record.value)) as Readonly<Record<string, string>>)
    .filter(({ event_type }) => event_type === 'order.placed')
    .map(({ order_id = '', order_placed_at = '' }) => ({ order_id, order_placed_at }));

import * as fc from 'fast-check';
import {
  PartitionState,
  qualitySettings,
  type RawRecord,
  readSummary,
  StateRebuild,
  type StateRebuildOptions,
  type StateSummary,
  type Verdict,
} from '../index';
import { followUp, iso, NOON_MS, placed, recordOf, sha } from '../../test/fixtures';
import { contents, cuts, logs, restoreRecord, run, SMALL } from '../../test/logs';

const FLAGS = 'quality-flags';

/** A record as the validated topic has it. */
function validated(record: RawRecord, verdict: Verdict): RawRecord {
  if (verdict.kind !== 'accept' && verdict.kind !== 'repair') throw new TypeError(`${verdict.kind} is not passed on`);
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
    maxAheadMs: 5,
    ...changes,
  });

/** What a restore makes of the rebuilt records. */
function restored(records: readonly { key: string; value: string | null }[]) {
  const state = new PartitionState(SMALL);
  for (const record of records) restoreRecord(state, record);
  state.finishRestore();
  return state;
}

const summaryOf = (log: readonly { key: string; value: string | null }[]): StateSummary | undefined =>
  readSummary(log.findLast(({ key }) => key === 'counters')?.value ?? '');

describe('a rebuilt state', () => {
  it('evaluates what follows as the one that was lost, while the validated log is whole', () => {
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
        const [mended, never] = [run(after, [], false, again), run(after, [], false, state)];
        expect(mended.verdicts).toEqual(never.verdicts);
        const both = [...log, ...after];
        expect(contents(again, both)).toEqual(contents(state, both));
      }),
      { numRuns: 100 },
    );
  });

  it('rejects nothing for an order that retention has taken: it flags', () => {
    fc.assert(
      fc.property(logs, fc.double({ min: 0, max: 1, noNaN: true }), (log, share) => {
        const { state, accepted, stateLog } = run(log, [], false);
        const left = accepted.slice(Math.floor(accepted.length * share));
        const [first] = left;
        const rebuild = rebuildOf(first?.record.timestamp ?? state.lastAppendMs);
        for (const { record, verdict } of left) rebuild.accepted(validated(record, verdict));
        const { records } = rebuild.finish(log.length, summaryOf(stateLog));
        const again = restored(records);
        const orders = new Set(accepted.map(({ record }) => orderOf(record)));
        for (const orderId of orders) {
          const paid = followUp('order.paid', { order_id: orderId, order_placed_at: placedAtOf(accepted, orderId) });
          const [verdict] = run([recordOf(paid, { timestamp: state.lastAppendMs })], [], false, again).verdicts;
          expect(verdict).not.toBe('reject lifecycle.unknown_order');
        }
      }),
    );
  });

  it('has a horizon no further ahead than events may be, whatever was dated so', () => {
    const { maxAheadMs } = qualitySettings();
    const ahead = { order_placed_at: '2199-12-31T23:59:59.999Z' };
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 1 } });
    const log = [placed(ahead), placed({ order_id: sha('2') })].map((body) => recordOf(body));
    const { accepted, stateLog } = run(log, [], false, state);
    expect(state.forgottenPlacedUntilMs).toBe(NOON_MS + maxAheadMs);
    const kept = summaryOf(stateLog);
    if (kept === undefined) throw new Error('there is no summary');
    const horizonOf = (records: readonly RawRecord[], summary: StateSummary, maxOrders: number): unknown => {
      const limits = { ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: maxOrders } };
      const rebuild = rebuildOf(undefined, { limits, maxAheadMs });
      for (const record of records) rebuild.accepted(record);
      return rebuild.finish(2, summary).state.forgottenPlacedUntilMs;
    };
    const topic = accepted.map(({ record, verdict }) => validated(record, verdict));
    const noHorizon = { ...kept, forgottenPlacedUntilMs: undefined };
    // Forgotten once more; its order.placed taken by retention; as a state has it that was written without the bound.
    expect(horizonOf(topic, noHorizon, 1)).toBe(NOON_MS + maxAheadMs);
    expect(horizonOf([recordOf(followUp('order.paid', ahead))], noHorizon, 2)).toBe(NOON_MS + maxAheadMs);
    expect(horizonOf(topic, { ...kept, forgottenPlacedUntilMs: Date.UTC(2199, 11) }, 2)).toBe(NOON_MS + maxAheadMs);
  });

  it('reports the window that is left', () => {
    const rebuild = rebuildOf(NOON_MS);
    rebuild.accepted(recordOf(placed(), { timestamp: NOON_MS }));
    rebuild.accepted(recordOf(placed({ order_id: sha('2') }), { timestamp: NOON_MS + 1_500 }));
    const { state, records } = rebuild.finish(7, undefined);
    const windows = { eventsMs: 1_500, orderKeysMs: 1_500, lifecyclesMs: 1_500 };
    expect(state.effectiveWindows()).toEqual(windows);
    expect(restored(records).effectiveWindows()).toEqual(windows);
  });

  it('counts anew what it can when the accounts are lost, and passes over what no validator wrote', () => {
    const rebuild = rebuildOf();
    rebuild.accepted(recordOf(placed()));
    const drifted = recordOf(placed({ order_id: sha('2'), order_placed_at: iso(NOON_MS) }));
    rebuild.accepted({ ...drifted, headers: { ...drifted.headers, [FLAGS]: 'drift.product,time.too_late' } });
    rebuild.accepted({ ...drifted, value: Buffer.from('hello') });
    rebuild.accepted({ ...drifted, headers: {} });
    rebuild.deadLettered(['structure.malformed_json']);
    rebuild.skipped();
    const { state } = rebuild.finish(9, undefined);
    expect(rebuild.missingBelowCommit).toBe(2);
    expect(state.accounting).toEqual({
      input: 4,
      accepted: 1,
      repaired: 1,
      skipped: 1,
      deadLettered: 1,
      flagged: 0,
      rules: { 'drift.product': 1, 'time.too_late': 1, 'structure.malformed_json': 1, 'duplicate.event': 1 },
    });
  });
});

const bodyOf = ({ value }: RawRecord): Readonly<Record<string, unknown>> =>
  JSON.parse(value?.toString() ?? '{}') as Readonly<Record<string, unknown>>;

const orderOf = (record: RawRecord): unknown => bodyOf(record).order_id;

const placedAtOf = (accepted: readonly { record: RawRecord }[], orderId: unknown): unknown =>
  accepted
    .map(({ record }) => bodyOf(record))
    .find((body) => body.order_id === orderId && body.event_type === 'order.placed')?.order_placed_at;

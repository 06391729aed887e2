import * as fc from 'fast-check';
import { PartitionState, passOver, readSummary } from '../index';
import {
  evaluatorFor,
  type Fields,
  followUp,
  iso,
  NOON_MS,
  placed,
  recordOf,
  sha,
  summary,
  TestPartition,
} from '../../test/fixtures';

const MAX_AHEAD_MS = 300_000;
const log = { topicId: 'a', lastOffset: 41, lastAppendMs: NOON_MS };

describe('records that are passed over', () => {
  it('are in the accounts, and the state continues behind them', () => {
    const partition = new TestPartition();
    partition.evaluateBody(placed());
    const record = passOver(partition.state, {
      records: 7,
      untilMs: NOON_MS,
      nextOffset: 42,
      log,
      maxAheadMs: MAX_AHEAD_MS,
    });
    const { accounting, ...rest } = readSummary(record.value ?? '') ?? {};
    expect(accounting).toMatchObject({ input: 8, accepted: 1, passedOver: 7 });
    expect(rest).toMatchObject({ nextOffset: 42, log });
    const restored = new PartitionState();
    restored.restoreRecord(Buffer.from(record.key), Buffer.from(record.value ?? ''));
    expect([restored.accounting.passedOver, restored.nextOffset, restored.log]).toEqual([7, 42, log]);
    expect([restored.missedUntilMs, restored.effectiveWindows()]).toEqual([
      NOON_MS,
      { eventsMs: 0, orderKeysMs: 0, lifecyclesMs: 0, registrationsMs: 0 },
    ]);
  });

  it('may have placed the order of an event that follows: it is flagged, not rejected', () => {
    const paid = (): ReturnType<typeof followUp> =>
      followUp('order.paid', { order_id: sha('unknown'), order_placed_at: iso(NOON_MS - 1_000) });
    const partition = new TestPartition(evaluatorFor());
    expect(summary(partition.evaluateBody(paid()))).toBe('reject lifecycle.unknown_order');
    passOver(partition.state, { records: 1, untilMs: NOON_MS, nextOffset: 2, log, maxAheadMs: MAX_AHEAD_MS });
    expect(summary(partition.evaluateBody(paid()))).toBe('accept lifecycle.unknown_order');
  });

  it('leave every memory as it is when there are none', () => {
    const { state } = new TestPartition();
    const before = state.effectiveWindows();
    passOver(state, { records: 0, untilMs: undefined, nextOffset: 5, log, maxAheadMs: MAX_AHEAD_MS });
    expect(state.effectiveWindows()).toEqual(before);
    expect(state.orders.forgottenPlacedUntilMs).toBeUndefined();
    expect(state.missedUntilMs).toBeUndefined();
  });

  it('leave no memory complete when only a log without records that can be counted is left out', () => {
    const { state } = new TestPartition();
    passOver(state, { records: 0, untilMs: NOON_MS, nextOffset: 0, log, maxAheadMs: MAX_AHEAD_MS });
    expect(state.accounting.passedOver).toBe(0);
    expect(state.effectiveWindows()).toEqual({ eventsMs: 0, orderKeysMs: 0, lifecyclesMs: 0, registrationsMs: 0 });
  });

  it('counts none in a state that was written before records could be passed over', () => {
    const { value } = passOver(new PartitionState(), {
      records: 0,
      untilMs: undefined,
      nextOffset: 5,
      log,
      maxAheadMs: 0,
    });
    const old = (value ?? '').replace(',"passedOver":0', '').replace(/"log":\{[^}]*\},/, '');
    expect(old).not.toBe(value);
    expect(readSummary(old)).toMatchObject({ nextOffset: 5, log: undefined, accounting: { passedOver: 0 } });
  });
});

/** All ways of an order from its placing to its end. */
const WALKS = [
  ['placed', 'paid', 'shipped', 'delivered', 'rated', 'returned'],
  ['placed', 'paid', 'shipped', 'delivered', 'returned', 'rated'],
  ['placed', 'paid', 'cancelled'],
  ['placed', 'cancelled'],
];
const TYPES = [...new Set(WALKS.flat())];
const bodyOf = (step: string): Fields =>
  step === 'placed'
    ? placed({ order_placed_at: iso(NOON_MS - 1_000) })
    : followUp(`order.${step}`, { order_placed_at: iso(NOON_MS - 1_000) });

/** A partition of which some events of an order are left out. A record is appended each second. */
class PartitionWithGap {
  readonly partition = new TestPartition();
  private appendMs = NOON_MS;

  evaluate(step: string): string {
    return summary(this.partition.evaluate(recordOf(bodyOf(step), { timestamp: (this.appendMs += 1_000) })));
  }

  passOver(records: number): void {
    this.appendMs += records * 1_000;
    const untilMs = this.appendMs;
    passOver(this.partition.state, { records, untilMs, nextOffset: 1, log, maxAheadMs: MAX_AHEAD_MS });
  }
}

describe('events of a known order that are passed over', () => {
  it('flag the next event, which the order goes on from', () => {
    const gap = new PartitionWithGap();
    expect(gap.evaluate('placed')).toBe('accept');
    gap.passOver(1);
    expect(gap.evaluate('shipped')).toBe('accept lifecycle.illegal_transition');
    expect(gap.evaluate('delivered')).toBe('accept');
    // The order is not certain any more: what was left out may explain it.
    expect(gap.evaluate('shipped')).toBe('accept lifecycle.illegal_transition');
    expect(gap.partition.state.orders.get(sha('order 1'))).toMatchObject({ state: 'delivered', certain: false });
  });

  it('never have an event rejected that was legal with them, wherever they stood', () => {
    let flagged = 0;
    const range = fc.tuple(fc.constantFrom(...WALKS), fc.nat(5), fc.nat(5), fc.nat(5));
    fc.assert(
      fc.property(range, ([walk, first, count, again]) => {
        const from = first % walk.length;
        const until = Math.min(walk.length, from + 1 + count);
        const gap = new PartitionWithGap();
        for (const step of walk.slice(0, from)) expect(gap.evaluate(step)).toBe('accept');
        gap.passOver(until - from);
        // One of the missing events may come again, under another id: without the gap it is rejected.
        const repeated = walk.slice(from, until)[again];
        if (repeated !== undefined && repeated !== 'placed') expect(gap.evaluate(repeated)).not.toMatch(/^reject/);
        for (const step of walk.slice(until)) {
          const verdict = gap.evaluate(step);
          expect(verdict).not.toMatch(/^reject/);
          if (verdict !== 'accept') flagged++;
        }
      }),
      { numRuns: 300 },
    );
    expect(flagged).toBeGreaterThan(50);
  });

  it.each(WALKS.flatMap((walk) => walk.map((_, index) => walk.slice(0, index + 1))))(
    'explain after %s what can still follow, and nothing else: that is rejected',
    (...known) => {
      for (const step of TYPES) {
        const gap = new PartitionWithGap();
        for (const one of known) gap.evaluate(one);
        gap.passOver(3);
        const state = (steps: readonly string[]): string => [...steps].sort().join();
        const isExplained = WALKS.some((walk) => {
          const at = walk.indexOf(step);
          return at >= known.length && state(walk.slice(0, known.length)) === state(known);
        });
        expect([step, gap.evaluate(step).split(' ')[0]]).toEqual([step, isExplained ? 'accept' : 'reject']);
      }
    },
  );

  it('leave an order provable that was placed after them', () => {
    const gap = new PartitionWithGap();
    gap.passOver(3);
    const at = (body: Fields, ms: number): string =>
      summary(
        gap.partition.evaluate(recordOf({ ...body, occurred_at: iso(NOON_MS + ms) }, { timestamp: NOON_MS + ms })),
      );
    const order = { order_id: sha('later'), order_placed_at: iso(NOON_MS + MAX_AHEAD_MS + 5_000) };
    expect(at(placed({ ...order, customer_registered_at: order.order_placed_at }), MAX_AHEAD_MS + 6_000)).toBe(
      'accept',
    );
    expect(at(followUp('order.shipped', order), MAX_AHEAD_MS + 7_000)).toBe('reject lifecycle.illegal_transition');
  });
});

import { PartitionState, qualitySettings } from '../index';
import { evaluatorFor, type Fields, followUp, iso, NOON_MS, placed, recordOf, sha } from '../../test/fixtures';
import { run, SMALL } from '../../test/logs';

const MAX_AHEAD_MS = qualitySettings().maxAheadMs;

describe('the state of a partition, when it forgets orders', () => {
  it('evicts closed orders first, and flags events of orders that may have been evicted', () => {
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

  it('flags, and does not reject, the events of an order that was placed again after it may have been forgotten', () => {
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 1 } });
    const of = (id: string, placedMs: number): Fields => ({ order_id: sha(id), order_placed_at: iso(placedMs) });
    const log = [
      placed(of('old', NOON_MS - 9_000)),
      followUp('order.paid', of('old', NOON_MS - 9_000)),
      placed(of('new', NOON_MS - 8_000)),
      // Forgotten, and delivered once more.
      placed(of('old', NOON_MS - 9_000)),
      followUp('order.shipped', of('old', NOON_MS - 9_000)),
      placed(of('newer', NOON_MS - 1_000)),
      followUp('order.shipped', of('newer', NOON_MS - 1_000)),
    ].map((body, index) => recordOf(body, { timestamp: NOON_MS + index }));
    expect(run(log, [], false, state).verdicts).toEqual([
      'accept',
      'accept',
      'accept',
      'accept',
      'accept lifecycle.illegal_transition',
      'accept',
      'reject lifecycle.illegal_transition',
    ]);
  });

  it('still rejects events of unknown orders after it has forgotten an order that was dated far ahead', () => {
    const state = new PartitionState({ ...SMALL, lifecycles: { windowMs: 1e9, maxEntries: 1 } });
    const placedAt = (id: string, order_placed_at: string): Fields => ({ order_id: sha(id), order_placed_at });
    const nextDayMs = NOON_MS + 86_400_000;
    const log = [
      recordOf(placed(placedAt('ahead', '2199-12-31T23:59:59.999Z'))),
      recordOf(placed(placedAt('now', iso(NOON_MS)))),
      // Up to the allowed time ahead, the order may be a forgotten one.
      recordOf(followUp('order.paid', placedAt('before', iso(NOON_MS + MAX_AHEAD_MS)))),
      recordOf(followUp('order.paid', placedAt('never', iso(NOON_MS + MAX_AHEAD_MS + 1)))),
      recordOf(followUp('order.paid', { ...placedAt('later', iso(nextDayMs)), occurred_at: iso(nextDayMs) }), {
        timestamp: nextDayMs,
      }),
    ];
    const aheadAllowed = evaluatorFor('orders', { 'time.in_future': 'off' });
    expect(run(log, [], false, state, aheadAllowed).verdicts).toEqual([
      'accept',
      'accept',
      'accept lifecycle.unknown_order',
      'reject lifecycle.unknown_order',
      'reject lifecycle.unknown_order',
    ]);
  });
});

import { PartitionState, passOver, readSummary } from '../index';
import { evaluatorFor, followUp, iso, NOON_MS, placed, sha, summary, TestPartition } from '../../test/fixtures';

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

import { Catalog, PartitionState, qualitySettings } from '@orderstream/quality';
import { LETTERS, letterOf, paid, placed, SKU, VENDOR } from '../../test/order-events';
import { countDecision, DryRunCount, DryRunPartition } from './dry-run';
import { type DryRun } from './plan';
import { replayTopicOf } from './replay-topic';
import { ReturnedRecords } from './returned-records';

const NOW = Date.parse('2026-01-02T04:00:00.000Z');
/** More than are held before they are folded. */
const OFTEN = 1_100;

function catalog(): Catalog {
  const known = new Catalog();
  const vendor = {
    vendor_id: VENDOR,
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
  };
  const at = { occurred_at: '2025-12-01T00:00:00.000Z' };
  known.apply({ event_type: 'vendor.onboarded', ...at, ...vendor });
  known.apply({
    event_type: 'product.listed',
    ...at,
    item_sku: SKU,
    vendor_id: VENDOR,
    item_name: 'Desk lamp',
    item_price: '12.90',
  });
  return known;
}

function dryRunOf(letters: readonly ReturnType<typeof letterOf>[], known = catalog()): DryRun {
  const topic = replayTopicOf(LETTERS);
  if (topic === undefined) throw new TypeError(LETTERS);
  const records = new ReturnedRecords({ id: 'plan', options: { includeDuplicates: false } }, topic);
  const dryRun = new DryRunPartition('orders', qualitySettings(), new PartitionState(), known, NOW);
  const count = new DryRunCount();
  for (const letter of letters) countDecision(records.decide(letter), dryRun, count);
  return count.finish();
}

describe('the dry run', () => {
  it('evaluates one letter after the other: a payment passes behind the placing of its order', () => {
    const order = letterOf(placed('1'), 'reference.unknown_vendor', 0);
    const payment = letterOf(paid('1'), 'lifecycle.unknown_order', 1);
    expect(dryRunOf([order, payment])).toEqual({ passes: 2, fails: [], undecided: 0 });
    expect(dryRunOf([payment])).toEqual({
      passes: 0,
      fails: [{ code: 'lifecycle.unknown_order', count: 1 }],
      undecided: 0,
    });
    expect(dryRunOf([order, payment], new Catalog()).fails).toEqual([
      { code: 'reference.unknown_vendor', count: 1 },
      { code: 'lifecycle.unknown_order', count: 1 },
    ]);
  });

  it('remembers what it has accepted over many letters', () => {
    const orders = Array.from({ length: OFTEN }, (_, i) => {
      const minute = new Date(Date.parse('2026-01-01T00:00:00.000Z') + i * 1_000).toISOString();
      return letterOf(
        placed(String(i), { order_placed_at: minute, occurred_at: minute }),
        'reference.unknown_vendor',
        i,
      );
    });
    const again = orders[0];
    if (again === undefined) throw new Error('no order');
    expect(dryRunOf([...orders, again])).toEqual({
      passes: OFTEN,
      fails: [{ code: 'duplicate.event', count: 1 }],
      undecided: 0,
    });
  });

  it('counts what the plan does not return, and what it has nothing to evaluate by', () => {
    const count = new DryRunCount();
    countDecision({ kind: 'reject', code: 'replay.duplicate', reason: '' }, undefined, count);
    const topic = replayTopicOf(LETTERS);
    if (topic === undefined) throw new TypeError(LETTERS);
    const records = new ReturnedRecords({ id: 'plan', options: { includeDuplicates: false } }, topic);
    countDecision(records.decide(letterOf(placed('1'), 'x', 0)), undefined, count);
    expect(count.finish()).toEqual({ passes: 0, fails: [{ code: 'replay.duplicate', count: 1 }], undecided: 1 });
  });
});

import * as fc from 'fast-check';
import { PartitionState, type RawRecord, type StateLimits, StateOverlay } from '../index';
import { type Fields, iso, NOON_MS, placed, recordOf, sha } from '../../test/fixtures';
import { cuts, restored, run, SMALL } from '../../test/logs';

describe('the state of a partition after it has forgotten customers', () => {
  /** 2025-01-<day> */
  const day = (number: number): string => `2025-01-${String(number).padStart(2, '0')}T00:00:00.000Z`;
  let orders = 0;
  const orderOf = (customer: string, customer_registered_at: string, fields: Fields = {}): RawRecord =>
    recordOf(
      placed({
        order_id: sha(`order ${String(++orders)}`),
        customer_id: sha(customer),
        customer_registered_at,
        order_placed_at: iso(NOON_MS - 10_000 + orders),
        ...fields,
      }),
      { timestamp: NOON_MS + orders },
    );
  const limits: StateLimits = {
    ...SMALL,
    lifecycles: { windowMs: 1e9, maxEntries: 100 },
    registrations: { maxEntries: 2 },
  };
  /** The state after orders of these customers, restored. */
  const after = (...registered: (readonly [string, string])[]): PartitionState => {
    const { stateLog, state } = run(
      registered.map(([name, at]) => orderOf(name, at)),
      [],
      false,
      new PartitionState(limits),
    );
    const again = restored(stateLog, limits);
    expect(again.effectiveWindows()).toEqual(state.effectiveWindows());
    return again;
  };
  const verdicts = (state: PartitionState, ...log: RawRecord[]): string[] => run(log, [], false, state).verdicts;

  it('never repairs a forgotten customer to a later, wrong registration', () => {
    const state = after(['ada', day(1)], ['bo', day(2)], ['cy', day(3)]);
    expect(state.registrations.forgottenRegisteredUntilMs).toBe(Date.parse(day(1)));
    expect(state.effectiveWindows().registrationsMs).toBe(2);
    expect(verdicts(state, orderOf('ada', day(5)), orderOf('ada', day(1)))).toEqual([
      'accept',
      'accept drift.customer',
    ]);
  });

  it('flags the order of an unknown customer who registered before the horizon, and accepts a later one', () => {
    const state = after(['ada', day(2)], ['bo', day(3)], ['cy', day(3)]);
    expect(verdicts(state, orderOf('dee', day(1)), orderOf('ed', day(2)), orderOf('flo', day(4)))).toEqual([
      'accept drift.customer',
      'accept drift.customer',
      'accept',
    ]);
  });

  it('still repairs the customers that it has remembered all the time, and those who registered later', () => {
    const state = after(['ada', day(2)], ['bo', day(1)], ['cy', day(1)]);
    expect(verdicts(state, orderOf('cy', day(9)), orderOf('cy', day(1)))).toEqual(['repair drift.customer', 'accept']);
    expect(verdicts(state, orderOf('dee', day(8)), orderOf('dee', day(7)))).toEqual([
      'accept',
      'repair drift.customer',
    ]);
  });

  it('never repairs a correct registration, whichever customers were forgotten', () => {
    const people = fc.record({ customer: fc.integer({ min: 0, max: 6 }), drifted: fc.integer({ min: -8, max: 8 }) });
    const counts = { flagged: 0, repaired: 0 };
    fc.assert(
      fc.property(fc.array(people, { maxLength: 40, size: 'max' }), cuts, (steps, sizes) => {
        const first = new Set<number>();
        const log = steps.map(({ customer, drifted }) => {
          // The first order of each customer is correct, so that the memory without a bound would repair all others.
          const at = 10 + customer + (first.has(customer) && drifted > 4 ? drifted : 0);
          first.add(customer);
          return { correct: at === 10 + customer, record: orderOf(String(customer), day(at)) };
        });
        const found = run(
          log.map(({ record }) => record),
          sizes,
          false,
          new PartitionState(limits),
        ).verdicts;
        found.forEach((verdict, index) => {
          if (verdict === 'repair drift.customer') counts.repaired++;
          if (verdict === 'accept drift.customer') counts.flagged++;
          if (log[index]?.correct === true) expect(verdict).not.toMatch(/repair|reject/);
        });
      }),
      { numRuns: 300 },
    );
    expect(counts.flagged).toBeGreaterThan(50);
    expect(counts.repaired).toBeGreaterThan(50);
  });

  it('forgets an erased customer as one who has left: the others are known, and later orders are flagged', () => {
    const before = after(['ada', day(1)], ['bo', day(2)]);
    const overlay = new StateOverlay(before);
    expect(overlay.forgetCustomers((id) => id === sha('bo'))).toBe(1);
    expect(overlay.forgetCustomers((id) => id === sha('bo'))).toBe(0);
    const records = [...overlay.stateRecords(before.nextOffset ?? 0)];
    expect(records.filter(({ value }) => value === null).map(({ key }) => key)).toEqual([`registration/${sha('bo')}`]);
    overlay.fold(before.nextOffset ?? 0);
    expect([...before.registrations.entries.keys()]).toEqual([sha('ada')]);
    expect(before.registrations.forgottenRegisteredUntilMs).toBe(Date.parse(day(2)));
    expect(verdicts(before, orderOf('ada', day(9)), orderOf('bo', day(9)), orderOf('bo', day(2)))).toEqual([
      'repair drift.customer',
      'accept',
      'accept drift.customer',
    ]);
  });
});

import type { RuleCode } from '@orderstream/contracts';
import { allowedActions } from '../index';
import {
  TestPartition,
  followUp,
  iso,
  evaluatorFor,
  type Fields,
  NOON_MS,
  placed,
  recordOf,
  sha,
  summary,
  uuid,
} from '../../test/fixtures';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe('time rules', () => {
  const at = (ms: number): string =>
    summary(new TestPartition().evaluateBody(placed({ occurred_at: iso(NOON_MS + ms) })));

  it('reject what occurred more than 5 minutes after it was appended', () => {
    expect(at(5 * MINUTE_MS)).toBe('accept');
    expect(at(5 * MINUTE_MS + 1)).toBe('reject time.in_future');
  });

  it('flag what occurred more than 7 days before it was appended', () => {
    expect(at(-7 * DAY_MS)).toBe('accept');
    expect(at(-7 * DAY_MS - 1)).toBe('accept time.too_late');
  });

  it('reject what occurred more than 1,800 days before it was appended', () => {
    const of = (ms: number): string => {
      const times = {
        occurred_at: iso(NOON_MS + ms),
        order_placed_at: iso(NOON_MS),
        customer_registered_at: iso(NOON_MS),
      };
      return summary(new TestPartition().evaluateBody(placed(times)));
    };
    expect(of(-1_800 * DAY_MS)).toBe('accept time.too_late');
    expect(of(-1_800 * DAY_MS - 1)).toBe('reject time.too_old');
    expect(of(-NOON_MS)).toBe('reject time.too_old');
  });

  it.each<[string, Fields]>([
    ['order_placed_at', placed({ order_placed_at: iso(NOON_MS + 5 * MINUTE_MS + 1) })],
    ['order_placed_at', placed({ order_placed_at: '2199-01-01T00:00:00Z' })],
    [
      'customer_registered_at',
      placed({ order_placed_at: iso(NOON_MS + 5 * MINUTE_MS), customer_registered_at: '2199-01-01T00:00:00Z' }),
    ],
  ])('reject an order with %s more than 5 minutes after it was appended', (path, body) => {
    const verdict = new TestPartition().evaluateBody(body);
    const reasons = verdict.kind === 'reject' ? verdict.reasons.filter(({ code }) => code === 'time.in_future') : [];
    expect(reasons.map((reason) => reason.path)).toEqual([path]);
  });

  it('accept an order that was placed up to 5 minutes after it was appended', () => {
    expect(summary(new TestPartition().evaluateBody(placed({ order_placed_at: iso(NOON_MS + 5 * MINUTE_MS) })))).toBe(
      'accept',
    );
  });

  it('reject an event of an order that is placed in the future', () => {
    const partition = new TestPartition();
    partition.evaluateBody(placed());
    const paid = followUp('order.paid', { order_placed_at: '2199-01-01T00:00:00Z' });
    expect(summary(partition.evaluateBody(paid))).toBe('reject time.in_future');
  });

  it('reject a customer who registers in the future', () => {
    const customer = (customer_registered_at: string): string =>
      summary(
        new TestPartition(evaluatorFor('customers')).evaluateBody({
          event_id: uuid(1),
          event_type: 'customer.registered',
          occurred_at: iso(NOON_MS),
          customer_id: sha('customer'),
          customer_registered_at,
          customer_country: 'DE',
          marketing_consent: true,
        }),
      );
    expect(customer(iso(NOON_MS + 5 * MINUTE_MS))).toBe('accept');
    expect(customer('2199-01-01T00:00:00Z')).toBe('reject time.in_future');
  });

  it('check a registration in the future after drift.customer has repaired it', () => {
    const partition = new TestPartition();
    partition.evaluateBody(placed());
    const wrong = placed({
      order_id: sha('2'),
      order_placed_at: iso(NOON_MS),
      customer_registered_at: '2199-01-01T00:00:00Z',
    });
    expect(summary(partition.evaluateBody(wrong))).toBe('repair drift.customer');
  });

  it('reject an order before the registration', () => {
    const registered = '2026-03-01T10:00:00Z';
    const order = (order_placed_at: string): string =>
      summary(new TestPartition().evaluateBody(placed({ order_placed_at, customer_registered_at: registered })));
    expect(order('2026-03-01T10:00:00.000Z')).toBe('accept');
    expect(order('2026-03-01T09:59:59.999Z')).toBe('reject time.before_registration');
  });

  it('check the registration after drift.customer has repaired it', () => {
    const partition = new TestPartition();
    partition.evaluateBody(placed({ customer_registered_at: '2025-01-01T00:00:00Z' }));
    const late = placed({
      order_id: sha('2'),
      order_placed_at: '2026-02-01T00:00:00Z',
      customer_registered_at: '2026-02-02T00:00:00Z',
    });
    expect(summary(partition.evaluateBody(late))).toBe('repair drift.customer');
    const early = placed({
      order_id: sha('3'),
      order_placed_at: '2024-02-01T00:00:00Z',
      customer_registered_at: '2024-01-01T00:00:00Z',
    });
    expect(summary(partition.evaluateBody(early))).toBe('reject time.before_registration');
  });
});

describe('duplicate rules', () => {
  it('skip an event that was accepted before, without evaluating other rules', () => {
    const partition = new TestPartition();
    const order = recordOf(placed());
    expect(summary(partition.evaluate(order))).toBe('accept');
    expect(partition.evaluate(order)).toEqual({ kind: 'skip', rule: 'duplicate.event' });
    const other = { ...order, headers: { ...order.headers, ce_source: Buffer.from('/another') } };
    expect(summary(partition.evaluate(other))).toBe('reject duplicate.order lifecycle.illegal_transition');
  });

  it('evaluate a rejected event again when it is replayed', () => {
    const partition = new TestPartition();
    const paid = recordOf(followUp('order.paid'));
    expect(summary(partition.evaluate(paid))).toBe('reject lifecycle.unknown_order');
    partition.evaluateBody(placed());
    expect(summary(partition.evaluate(paid))).toBe('accept');
    expect(summary(partition.evaluate(paid))).toBe('skip');
  });

  it('reject a second order of the same customer, vendor and time', () => {
    const partition = new TestPartition();
    expect(summary(partition.evaluateBody(placed()))).toBe('accept');
    expect(summary(partition.evaluateBody(placed({ order_id: sha('2') })))).toBe('reject duplicate.order');
    expect(
      summary(partition.evaluateBody(placed({ order_id: sha('2'), order_placed_at: '2026-03-01T11:00:00Z' }))),
    ).toBe('accept');
    expect(
      summary(partition.evaluateBody(placed({ order_id: sha('3'), order_placed_at: '2026-03-01T11:00:00.000Z' }))),
    ).toBe('reject duplicate.order');
  });

  it('forget an event id after 24 hours', () => {
    const evaluator = evaluatorFor('interactions');
    const partition = new TestPartition(evaluator);
    const started = {
      event_id: uuid(1),
      event_type: 'session.started',
      occurred_at: iso(NOON_MS),
      session_id: uuid(2),
      customer_id: sha('customer'),
      device: 'app',
      channel: 'direct',
    };
    const at = (timestamp: number): string => summary(partition.evaluate(recordOf(started, { timestamp })));
    expect(at(NOON_MS)).toBe('accept');
    expect(at(NOON_MS + DAY_MS)).toBe('skip');
    expect(at(NOON_MS + DAY_MS + 1)).toBe('accept');
  });
});

describe('references and drift', () => {
  it('reject references that a complete catalog does not contain', () => {
    const partition = new TestPartition();
    expect(summary(partition.evaluateBody(placed({ vendor_id: sha('unknown vendor'), item_sku: uuid(7) })))).toBe(
      'reject reference.unknown_vendor reference.unknown_product',
    );
  });

  it('wait for references that an incomplete catalog does not contain or contradicts', () => {
    const partition = new TestPartition(evaluatorFor(), false);
    expect(partition.evaluateBody(placed({ vendor_id: sha('unknown vendor') }))).toEqual({
      kind: 'wait',
      missing: [{ entity: 'vendor', id: sha('unknown vendor') }],
    });
    expect(partition.evaluateBody(placed({ item_name: 'Renamed lamp' })).kind).toBe('wait');
    expect(partition.evaluateBody(placed({ vendor_address: 'Moved' })).kind).toBe('wait');
    expect(summary(partition.evaluateBody(placed()))).toBe('accept');
  });

  it('skip the catalog check of a record that other rules reject', () => {
    const wrong = placed({ vendor_id: sha('unknown vendor'), occurred_at: iso(NOON_MS + DAY_MS) });
    expect(summary(new TestPartition(evaluatorFor(), false).evaluateBody(wrong))).toBe('reject time.in_future');
    expect(summary(new TestPartition(evaluatorFor(), true).evaluateBody(wrong))).toBe('reject time.in_future');
  });

  it('repair by the version that is valid at the time of the event, inclusive', () => {
    const partition = new TestPartition();
    partition.catalog.apply({
      event_type: 'product.updated',
      occurred_at: '2026-03-01T11:00:00.000Z',
      item_sku: uuid(0xabc),
      item_name: 'Bright desk lamp',
    });
    const order = (id: string, occurred_at: string, item_name: string): unknown =>
      partition.evaluateBody(placed({ order_id: sha(id), order_placed_at: occurred_at, occurred_at, item_name }));
    expect(order('a', '2026-03-01T10:59:59.999Z', 'Desk lamp')).toMatchObject({ kind: 'accept', flags: [] });
    expect(order('b', '2026-03-01T11:00:00Z', 'Bright desk lamp')).toMatchObject({ kind: 'accept', flags: [] });
    expect(order('c', '2026-03-01T11:00:00.001Z', 'Desk lamp')).toMatchObject({
      kind: 'repair',
      flags: ['drift.product'],
      body: { item_name: 'Bright desk lamp', order_id: sha('c') },
    });
  });

  it('repair an event from before the first version by the first version', () => {
    const times = {
      occurred_at: iso(NOON_MS - DAY_MS),
      order_placed_at: iso(NOON_MS - DAY_MS),
      customer_registered_at: '2024-01-01T00:00:00.000Z',
    };
    const sku = uuid(0xdef);
    const partition = new TestPartition();
    partition.catalog.apply({
      event_type: 'product.listed',
      occurred_at: iso(NOON_MS),
      item_sku: sku,
      item_name: 'Floor lamp',
    });
    expect(partition.evaluateBody(placed({ ...times, item_sku: sku, item_name: 'Flour lamp' }))).toMatchObject({
      kind: 'repair',
      flags: ['drift.product'],
      body: { item_name: 'Floor lamp' },
    });
  });

  it('repair several fields of a vendor with one flag', () => {
    const verdict = new TestPartition().evaluateBody(placed({ vendor_name: 'Becker', vendor_vertical: 'Sports' }));
    expect(verdict).toMatchObject({
      kind: 'repair',
      flags: ['drift.vendor'],
      body: { vendor_name: 'Becker and Sons', vendor_address: '7 Mill Road', vendor_vertical: 'Books' },
    });
  });

  it('repair customer_registered_at by the first accepted one', () => {
    const partition = new TestPartition();
    partition.evaluateBody(
      placed({
        order_id: sha('0'),
        occurred_at: iso(NOON_MS + DAY_MS),
        customer_registered_at: '2020-01-01T00:00:00Z',
      }),
    );
    expect(summary(partition.evaluateBody(placed()))).toBe('accept');
    const drifted = placed({
      order_id: sha('2'),
      order_placed_at: '2026-03-01T11:00:00Z',
      customer_registered_at: '2025-01-02T00:00:00Z',
    });
    expect(partition.evaluateBody(drifted)).toMatchObject({
      kind: 'repair',
      flags: ['drift.customer'],
      body: { customer_registered_at: '2025-01-01T00:00:00.000Z' },
    });
    const same = placed({
      order_id: sha('3'),
      order_placed_at: '2026-03-01T10:00:00Z',
      customer_registered_at: '2025-01-01T00:00:00Z',
    });
    expect(summary(partition.evaluateBody(same))).toBe('accept');
  });
});

describe('lifecycle rules', () => {
  const verdictsOf = (...types: string[]): string[] => {
    const partition = new TestPartition();
    return types.map((type) =>
      summary(
        partition.evaluateBody(
          type === 'order.placed' ? placed({ order_placed_at: iso(NOON_MS - 1_000) }) : followUp(type),
        ),
      ),
    );
  };
  const accepted = (count: number): string[] => Array.from({ length: count }, () => 'accept');

  it.each([
    [['placed', 'paid', 'shipped', 'delivered', 'rated', 'returned']],
    [['placed', 'paid', 'shipped', 'delivered', 'returned', 'rated']],
    [['placed', 'cancelled']],
    [['placed', 'paid', 'cancelled']],
  ])('accept %p', (types) => {
    expect(verdictsOf(...types.map((type) => `order.${type}`))).toEqual(accepted(types.length));
  });

  it.each([
    [['placed', 'cancelled'], 'shipped'],
    [['placed', 'cancelled'], 'cancelled'],
    [['placed'], 'shipped'],
    [['placed'], 'delivered'],
    [['placed', 'paid'], 'paid'],
    [['placed', 'paid', 'shipped'], 'cancelled'],
    [['placed', 'paid', 'shipped'], 'returned'],
    [['placed', 'paid', 'shipped', 'delivered', 'rated'], 'rated'],
    [['placed', 'paid', 'shipped', 'delivered', 'returned'], 'returned'],
  ])('reject after %p: %s', (types, last) => {
    const verdicts = verdictsOf(...[...types, last].map((type) => `order.${type}`));
    expect(verdicts).toEqual([...accepted(types.length), 'reject lifecycle.illegal_transition']);
  });

  it('reject an event of an order that was never placed', () => {
    expect(verdictsOf('order.paid')).toEqual(['reject lifecycle.unknown_order']);
  });

  it('leave the order unchanged after a rejected event', () => {
    expect(verdictsOf('order.placed', 'order.delivered', 'order.paid', 'order.shipped')).toEqual([
      'accept',
      'reject lifecycle.illegal_transition',
      'accept',
      'accept',
    ]);
  });
});

describe('actions', () => {
  it('can be set to what a rule allows', () => {
    const verdictWith = (code: string, action: string): string => {
      const partition = new TestPartition(evaluatorFor('orders', { [code]: action }));
      return summary(
        partition.evaluateBody(placed({ occurred_at: iso(NOON_MS + DAY_MS), order_placed_at: iso(NOON_MS) })),
      );
    };
    expect(verdictWith('time.in_future', 'flag')).toBe('accept time.in_future');
    expect(verdictWith('time.in_future', 'skip')).toBe('skip');
    expect(verdictWith('time.in_future', 'off')).toBe('accept');
    expect(() => evaluatorFor('orders', { 'structure.malformed_json': 'off' })).toThrow(/reject, skip/);
    expect(() => evaluatorFor('orders', { 'time.too_old': 'off' })).toThrow(/reject, skip/);
    expect(() => evaluatorFor('orders', { 'time.too_old': 'flag' })).toThrow(/reject, skip/);
    expect(() => evaluatorFor('orders', { 'no.such_rule': 'off' })).toThrow(/no rule no.such_rule/);
  });

  /** The verdict on a record that violates one rule, by the rule's action. */
  it.each<[code: string, verdictIn: (partition: TestPartition) => unknown, verdicts: Record<string, string>]>([
    [
      'duplicate.order',
      (partition) =>
        [placed(), placed({ order_id: sha('2') })].map((body) => summary(partition.evaluateBody(body))).at(-1),
      { reject: 'reject duplicate.order', flag: 'accept duplicate.order', skip: 'skip', off: 'accept' },
    ],
    [
      'reference.unknown_vendor',
      (partition) => summary(partition.evaluateBody(placed({ vendor_id: sha('unknown vendor') }))),
      {
        reject: 'reject reference.unknown_vendor',
        flag: 'accept reference.unknown_vendor',
        skip: 'skip',
        off: 'accept',
      },
    ],
    [
      'drift.product',
      (partition) => summary(partition.evaluateBody(placed({ item_name: 'Disk lamp' }))),
      {
        repair: 'repair drift.product',
        reject: 'reject drift.product',
        flag: 'accept drift.product',
        skip: 'skip',
        off: 'accept',
      },
    ],
    [
      'lifecycle.unknown_order',
      (partition) => summary(partition.evaluateBody(followUp('order.paid'))),
      { reject: 'reject lifecycle.unknown_order', flag: 'accept lifecycle.unknown_order', skip: 'skip', off: 'accept' },
    ],
    [
      'structure.invalid_field',
      (partition) => summary(partition.evaluateBody(placed({ item_quantity: 0 }))),
      { reject: 'reject structure.invalid_field', skip: 'skip' },
    ],
    [
      'time.too_old',
      (partition) => summary(partition.evaluateBody(placed({ occurred_at: '2010-01-01T00:00:00Z' }))),
      { reject: 'reject time.too_old', skip: 'skip' },
    ],
    [
      'duplicate.event',
      (partition) => [1, 2].map(() => summary(partition.evaluate(SESSION))).at(-1),
      { reject: 'reject duplicate.event', flag: 'accept duplicate.event', skip: 'skip', off: 'accept' },
    ],
  ])('%s applies each action that it can be set to', (code, verdictIn, verdicts) => {
    const family = code === 'duplicate.event' ? 'interactions' : 'orders';
    expect(Object.keys(verdicts).sort()).toEqual([...allowedActions(code as RuleCode)].sort());
    for (const [action, verdict] of Object.entries(verdicts)) {
      const partition = new TestPartition(evaluatorFor(family, { [code]: action }));
      expect([action, verdictIn(partition)]).toEqual([action, verdict]);
    }
  });

  it('off: a record does not wait for a catalog that no rule needs', () => {
    const unknown = placed({ vendor_id: sha('unknown vendor'), item_name: 'Renamed lamp' });
    const off = { 'reference.unknown_vendor': 'off', 'drift.product': 'off' };
    expect(summary(new TestPartition(evaluatorFor('orders', off), false).evaluateBody(unknown))).toBe('accept');
    expect(summary(new TestPartition(evaluatorFor(), false).evaluateBody(unknown))).toBe('wait');
  });

  it('skip, flag, off: an illegal transition leaves the order unchanged', () => {
    for (const action of ['skip', 'flag', 'off']) {
      const partition = new TestPartition(evaluatorFor('orders', { 'lifecycle.illegal_transition': action }));
      partition.evaluateBody(placed());
      expect(summary(partition.evaluateBody(followUp('order.delivered')))).not.toMatch(/^reject/);
      expect(partition.state.orders.get(sha('order 1'))?.state).toBe('placed');
      expect(summary(partition.evaluateBody(followUp('order.paid')))).toBe('accept');
    }
  });
});

const SESSION = recordOf({
  event_id: uuid(1),
  event_type: 'session.started',
  occurred_at: iso(NOON_MS),
  session_id: uuid(2),
  customer_id: sha('customer'),
  device: 'app',
  channel: 'direct',
});

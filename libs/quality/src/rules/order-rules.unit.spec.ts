import { Bench, followUp, iso, evaluatorFor, NOON_MS, placed, recordOf, sha, summary, uuid } from '../../test/fixtures';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe('time rules', () => {
  const at = (ms: number): string => summary(new Bench().giveBody(placed({ occurred_at: iso(NOON_MS + ms) })));

  it('reject what occurred more than 5 minutes after it was appended', () => {
    expect(at(5 * MINUTE_MS)).toBe('accept');
    expect(at(5 * MINUTE_MS + 1)).toBe('reject time.in_future');
  });

  it('flag what occurred more than 7 days before it was appended', () => {
    expect(at(-7 * DAY_MS)).toBe('accept');
    expect(at(-7 * DAY_MS - 1)).toBe('accept time.too_late');
  });

  it('reject an order before the registration', () => {
    const registered = '2026-03-01T10:00:00Z';
    const order = (order_placed_at: string): string =>
      summary(new Bench().giveBody(placed({ order_placed_at, customer_registered_at: registered })));
    expect(order('2026-03-01T10:00:00.000Z')).toBe('accept');
    expect(order('2026-03-01T09:59:59.999Z')).toBe('reject time.before_registration');
  });

  it('evaluate the registration after it was repaired', () => {
    const bench = new Bench();
    bench.giveBody(placed({ customer_registered_at: '2025-01-01T00:00:00Z' }));
    const late = placed({
      order_id: sha('2'),
      order_placed_at: '2026-02-01T00:00:00Z',
      customer_registered_at: '2026-02-02T00:00:00Z',
    });
    expect(summary(bench.giveBody(late))).toBe('repair drift.customer');
    const early = placed({
      order_id: sha('3'),
      order_placed_at: '2024-02-01T00:00:00Z',
      customer_registered_at: '2024-01-01T00:00:00Z',
    });
    expect(summary(bench.giveBody(early))).toBe('reject time.before_registration');
  });
});

describe('duplicate rules', () => {
  it('skip an event that was accepted before, whatever else it would break', () => {
    const bench = new Bench();
    const order = recordOf(placed());
    expect(summary(bench.give(order))).toBe('accept');
    expect(bench.give(order)).toEqual({ kind: 'skip', rule: 'duplicate.event' });
    const other = { ...order, headers: { ...order.headers, ce_source: Buffer.from('/another') } };
    expect(summary(bench.give(other))).toBe('reject duplicate.order lifecycle.illegal_transition');
  });

  it('evaluate a rejected event afresh when it comes again', () => {
    const bench = new Bench();
    const paid = recordOf(followUp('order.paid'));
    expect(summary(bench.give(paid))).toBe('reject lifecycle.unknown_order');
    bench.giveBody(placed());
    expect(summary(bench.give(paid))).toBe('accept');
    expect(summary(bench.give(paid))).toBe('skip');
  });

  it('reject another order of the same customer, vendor and time; the first stays', () => {
    const bench = new Bench();
    expect(summary(bench.giveBody(placed()))).toBe('accept');
    expect(summary(bench.giveBody(placed({ order_id: sha('2') })))).toBe('reject duplicate.order');
    expect(summary(bench.giveBody(placed({ order_id: sha('2'), order_placed_at: '2026-03-01T11:00:00Z' })))).toBe(
      'accept',
    );
    expect(summary(bench.giveBody(placed({ order_id: sha('3'), order_placed_at: '2026-03-01T11:00:00.000Z' })))).toBe(
      'reject duplicate.order',
    );
  });

  it('forget an event id after 24 hours', () => {
    const evaluator = evaluatorFor('interactions');
    const bench = new Bench(evaluator);
    const started = {
      event_id: uuid(1),
      event_type: 'session.started',
      occurred_at: iso(NOON_MS),
      session_id: uuid(2),
      customer_id: sha('customer'),
      device: 'app',
      channel: 'direct',
    };
    const at = (timestamp: number): string => summary(bench.give(recordOf(started, { timestamp })));
    expect(at(NOON_MS)).toBe('accept');
    expect(at(NOON_MS + DAY_MS)).toBe('skip');
    expect(at(NOON_MS + DAY_MS + 1)).toBe('accept');
  });
});

describe('references and drift', () => {
  it('reject what the complete catalog does not know', () => {
    const bench = new Bench();
    expect(summary(bench.giveBody(placed({ vendor_id: sha('nobody'), item_sku: uuid(7) })))).toBe(
      'reject reference.unknown_vendor reference.unknown_product',
    );
  });

  it('wait while the catalog may still tell', () => {
    const bench = new Bench(evaluatorFor(), false);
    expect(bench.giveBody(placed({ vendor_id: sha('nobody') }))).toEqual({
      kind: 'wait',
      missing: [{ entity: 'vendor', id: sha('nobody') }],
    });
    expect(bench.giveBody(placed({ item_name: 'Renamed lamp' })).kind).toBe('wait');
    expect(bench.giveBody(placed({ vendor_address: 'Moved' })).kind).toBe('wait');
    expect(summary(bench.giveBody(placed()))).toBe('accept');
  });

  it('not wait for the catalog when the record is rejected anyway, and then leave it out of the reasons', () => {
    const wrong = placed({ vendor_id: sha('nobody'), occurred_at: iso(NOON_MS + DAY_MS) });
    expect(summary(new Bench(evaluatorFor(), false).giveBody(wrong))).toBe('reject time.in_future');
    expect(summary(new Bench(evaluatorFor(), true).giveBody(wrong))).toBe('reject time.in_future');
  });

  it('repair by the version at the time of the event, inclusive', () => {
    const bench = new Bench();
    bench.catalog.apply({
      event_type: 'product.updated',
      occurred_at: '2026-03-01T11:00:00.000Z',
      item_sku: uuid(0xabc),
      item_name: 'Bright desk lamp',
    });
    const order = (id: string, occurred_at: string, item_name: string): unknown =>
      bench.giveBody(placed({ order_id: sha(id), order_placed_at: occurred_at, occurred_at, item_name }));
    expect(order('a', '2026-03-01T10:59:59.999Z', 'Desk lamp')).toMatchObject({ kind: 'accept', flags: [] });
    expect(order('b', '2026-03-01T11:00:00Z', 'Bright desk lamp')).toMatchObject({ kind: 'accept', flags: [] });
    expect(order('c', '2026-03-01T11:00:00.001Z', 'Desk lamp')).toMatchObject({
      kind: 'repair',
      flags: ['drift.product'],
      body: { item_name: 'Bright desk lamp', order_id: sha('c') },
    });
    expect(order('d', '2024-12-31T00:00:00Z', 'Bright desk lamp')).toMatchObject({ kind: 'reject' });
  });

  it('repair several fields of a vendor and flag it once', () => {
    const verdict = new Bench().giveBody(placed({ vendor_name: 'Becker', vendor_vertical: 'Sports' }));
    expect(verdict).toMatchObject({
      kind: 'repair',
      flags: ['drift.vendor'],
      body: { vendor_name: 'Becker and Sons', vendor_address: '7 Mill Task', vendor_vertical: 'Books' },
    });
  });

  it('remember the first registration accepted and repair by it', () => {
    const bench = new Bench();
    bench.giveBody(
      placed({
        order_id: sha('0'),
        occurred_at: iso(NOON_MS + DAY_MS),
        customer_registered_at: '2020-01-01T00:00:00Z',
      }),
    );
    expect(summary(bench.giveBody(placed()))).toBe('accept');
    const drifted = placed({
      order_id: sha('2'),
      order_placed_at: '2026-03-01T11:00:00Z',
      customer_registered_at: '2025-01-02T00:00:00Z',
    });
    expect(bench.giveBody(drifted)).toMatchObject({
      kind: 'repair',
      flags: ['drift.customer'],
      body: { customer_registered_at: '2025-01-01T00:00:00.000Z' },
    });
    const same = placed({
      order_id: sha('3'),
      order_placed_at: '2026-03-01T10:00:00Z',
      customer_registered_at: '2025-01-01T00:00:00Z',
    });
    expect(summary(bench.giveBody(same))).toBe('accept');
  });
});

describe('lifecycle rules', () => {
  const play = (...types: string[]): string[] => {
    const bench = new Bench();
    return types.map((type) =>
      summary(
        bench.giveBody(type === 'order.placed' ? placed({ order_placed_at: iso(NOON_MS - 1_000) }) : followUp(type)),
      ),
    );
  };
  const accepted = (count: number): string[] => Array.from({ length: count }, () => 'accept');

  it.each([
    [['placed', 'paid', 'shipped', 'delivered', 'rated', 'returned']],
    [['placed', 'paid', 'shipped', 'delivered', 'returned', 'rated']],
    [['placed', 'cancelled']],
    [['placed', 'paid', 'cancelled']],
  ])('let %p pass', (types) => {
    expect(play(...types.map((type) => `order.${type}`))).toEqual(accepted(types.length));
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
  ])('reject, after %p, %s', (types, last) => {
    const verdicts = play(...[...types, last].map((type) => `order.${type}`));
    expect(verdicts).toEqual([...accepted(types.length), 'reject lifecycle.illegal_transition']);
  });

  it('reject what follows an order that was never placed', () => {
    expect(play('order.paid')).toEqual(['reject lifecycle.unknown_order']);
  });

  it('leave the order as it is after a rejected event', () => {
    expect(play('order.placed', 'order.delivered', 'order.paid', 'order.shipped')).toEqual([
      'accept',
      'reject lifecycle.illegal_transition',
      'accept',
      'accept',
    ]);
  });
});

describe('actions', () => {
  it('can be changed within what a rule allows', () => {
    const with_ = (code: string, action: string): string => {
      const bench = new Bench(evaluatorFor('orders', { [code]: action }));
      return summary(bench.giveBody(placed({ occurred_at: iso(NOON_MS + DAY_MS), order_placed_at: iso(NOON_MS) })));
    };
    expect(with_('time.in_future', 'flag')).toBe('accept time.in_future');
    expect(with_('time.in_future', 'skip')).toBe('skip');
    expect(with_('time.in_future', 'off')).toBe('accept');
    expect(() => evaluatorFor('orders', { 'structure.malformed_json': 'off' })).toThrow(/reject, skip/);
    expect(() => evaluatorFor('orders', { 'no.such_rule': 'off' })).toThrow(/no rule no.such_rule/);
  });

  /** What befalls a record that breaks one rule, by the action that is set for the rule. */
  it.each<[code: string, give: (bench: Bench) => unknown, verdicts: Record<string, string>]>([
    [
      'duplicate.order',
      (bench) => [placed(), placed({ order_id: sha('2') })].map((body) => summary(bench.giveBody(body))).at(-1),
      { reject: 'reject duplicate.order', flag: 'accept duplicate.order', skip: 'skip', off: 'accept' },
    ],
    [
      'reference.unknown_vendor',
      (bench) => summary(bench.giveBody(placed({ vendor_id: sha('nobody') }))),
      {
        reject: 'reject reference.unknown_vendor',
        flag: 'accept reference.unknown_vendor',
        skip: 'skip',
        off: 'accept',
      },
    ],
    [
      'drift.product',
      (bench) => summary(bench.giveBody(placed({ item_name: 'Disk lamp' }))),
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
      (bench) => summary(bench.giveBody(followUp('order.paid'))),
      { reject: 'reject lifecycle.unknown_order', flag: 'accept lifecycle.unknown_order', skip: 'skip', off: 'accept' },
    ],
    [
      'structure.invalid_field',
      (bench) => summary(bench.giveBody(placed({ item_quantity: 0 }))),
      { reject: 'reject structure.invalid_field', skip: 'skip' },
    ],
    [
      'duplicate.event',
      (bench) => [1, 2].map(() => summary(bench.give(SESSION))).at(-1),
      { reject: 'reject duplicate.event', flag: 'accept duplicate.event', skip: 'skip', off: 'accept' },
    ],
  ])('%s does what it is set to', (code, give, verdicts) => {
    const family = code === 'duplicate.event' ? 'interactions' : 'orders';
    for (const [action, verdict] of Object.entries(verdicts)) {
      const bench = new Bench(evaluatorFor(family, { [code]: action }));
      expect([action, give(bench)]).toEqual([action, verdict]);
    }
  });

  it('off: nothing waits for a catalog that nobody asks', () => {
    const stranger = placed({ vendor_id: sha('nobody'), item_name: 'Renamed lamp' });
    const off = { 'reference.unknown_vendor': 'off', 'drift.product': 'off' };
    expect(summary(new Bench(evaluatorFor('orders', off), false).giveBody(stranger))).toBe('accept');
    expect(summary(new Bench(evaluatorFor(), false).giveBody(stranger))).toBe('wait');
  });

  it('a record that is skipped or only flagged as illegal leaves the order as it is', () => {
    for (const action of ['skip', 'flag', 'off']) {
      const bench = new Bench(evaluatorFor('orders', { 'lifecycle.illegal_transition': action }));
      bench.giveBody(placed());
      expect(summary(bench.giveBody(followUp('order.delivered')))).not.toMatch(/^reject/);
      expect(bench.state.order(sha('order 1'))?.state).toBe('placed');
      expect(summary(bench.giveBody(followUp('order.paid')))).toBe('accept');
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

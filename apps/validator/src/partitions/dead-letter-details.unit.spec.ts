import { EVENT_CONTRACTS, type Family, RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { type KafkaRecord, type OutputRecord, partitionFor } from '@orderstream/kafka';
import {
  allowedActions,
  Catalog,
  PartitionState,
  qualitySettings,
  RuleEvaluator,
  StateOverlay,
} from '@orderstream/quality';
import { evaluate } from '../../test/evaluate';
import {
  type Body,
  customerIn,
  newShop,
  orderPaid,
  orderPlaced,
  orderShipped,
  productListed,
  rawRecord,
  sessionStarted,
  vendorOnboarded,
} from '../../test/events';

const PARTITION = 3;
const DAY_MS = 86_400_000;
const nowMs = Date.now();
const daysAgo = (days: number): string => new Date(nowMs - days * DAY_MS).toISOString();
const shop = newShop();
const customer = customerIn(PARTITION);
const order = (fields: Body = {}): Body => orderPlaced(shop, customer, fields);
const first = order();
const session = sessionStarted(customer);

interface Case {
  readonly family?: Family;
  /** Accepted before. */
  readonly before?: readonly Body[];
  readonly body: Body;
  /** Of the raw record. */
  readonly changes?: Partial<OutputRecord>;
  /** What the detail says: the path, the name of the constraint, what was expected and how what was found begins. */
  readonly says: readonly [path: string, name: string, expected: string, found: string];
}

/** A record that breaks each rule. */
const CASES: Readonly<Record<RuleCode, Case>> = {
  'structure.malformed_json': {
    body: order(),
    changes: { value: Buffer.from('{"event_id":') },
    says: ['value', 'isJson', 'one JSON object', '12 bytes of other text'],
  },
  'structure.unknown_type': {
    body: order(),
    changes: { value: Buffer.from('{"event_type":"order.lost"}') },
    says: ['event_type', 'isKnownType', 'an event type of this topic', 'order.lost'],
  },
  'structure.invalid_field': {
    body: order({ item_quantity: 0 }),
    says: ['item_quantity', 'isWholeNumber', 'an integer from 1 to 1000', '0'],
  },
  'structure.too_large': {
    body: order(),
    changes: { value: Buffer.alloc(2_000_000, ' ') },
    says: ['value', 'maxBytes', 'at most 1048576 bytes', '2000'],
  },
  'structure.key_mismatch': {
    body: order(),
    changes: { key: null },
    says: ['key', 'required', 'a key', 'none'],
  },
  'structure.envelope_mismatch': {
    body: order(),
    changes: { headers: {} },
    says: ['ce_id', 'required', 'a value', 'none'],
  },
  'time.in_future': {
    body: order({ occurred_at: daysAgo(-1) }),
    says: ['occurred_at', 'maxAhead', 'at most 300 s after the append time', '86400 s'],
  },
  'time.too_late': {
    body: order({ occurred_at: daysAgo(8) }),
    says: ['occurred_at', 'maxLate', 'at most 604800 s before the append time', '691200 s'],
  },
  'time.too_old': {
    body: order({ occurred_at: daysAgo(1_801) }),
    says: ['occurred_at', 'maxAge', 'at most 155520000 s before the append t', '155606400 s'],
  },
  'time.before_registration': {
    body: order({ order_placed_at: '2024-12-31T00:00:00.000Z' }),
    says: [
      'order_placed_at',
      'notBefore:customer_registered_at',
      '2025-01-01T00:00:00.000Z',
      '2024-12-31T00:00:00.000Z',
    ],
  },
  'duplicate.event': {
    family: 'interactions',
    before: [session],
    body: session,
    says: ['event_id', 'isNew', 'an event that was not accepted before', String(session.event_id)],
  },
  'duplicate.order': {
    before: [first],
    body: order({ order_placed_at: first.order_placed_at }),
    says: ['order_placed_at', 'isNewOrder', 'no other order of this vendor and time', String(first.order_placed_at)],
  },
  'reference.unknown_vendor': {
    body: order({ vendor_id: 'f'.repeat(64) }),
    says: ['vendor_id', 'isInCatalog', 'a vendor of the catalog', `${'f'.repeat(39)}…`],
  },
  'reference.unknown_product': {
    body: order({ item_sku: '00000000-0000-4000-8000-000000000001' }),
    says: ['item_sku', 'isInCatalog', 'a product of the catalog', '00000000-0000-4000-8000-000000000001'],
  },
  'drift.vendor': {
    body: order({ vendor_vertical: 'Sports' }),
    says: ['vendor_vertical', 'equalsKnown', 'Books', 'Sports'],
  },
  'drift.product': {
    body: order({ item_name: 'Disk lamp' }),
    says: ['item_name', 'equalsKnown', 'Desk lamp', 'Disk lamp'],
  },
  'drift.customer': {
    before: [first],
    body: order({ order_placed_at: daysAgo(1), customer_registered_at: '2025-01-02T00:00:00.000Z' }),
    says: ['customer_registered_at', 'equalsKnown', '2025-01-01T00:00:00.000Z', '2025-01-02T00:00:00.000Z'],
  },
  'lifecycle.illegal_transition': {
    before: [first],
    body: orderShipped(first),
    says: ['event_type', 'notAfter:placed', 'an event that may follow', 'order.shipped'],
  },
  'lifecycle.unknown_order': {
    body: orderPaid(first),
    says: ['order_id', 'isKnownOrder', 'an accepted order', `${String(first.order_id).slice(0, 39)}…`],
  },
  'internal.rule_failed': {
    body: order(),
    says: ['value', 'hasVerdict', 'a verdict after 3 attempts', 'RangeError'],
  },
};

const catalog = new Catalog();
for (const body of [vendorOnboarded(shop), productListed(shop)]) {
  catalog.apply({ ...body, occurred_at: '2020-01-01T00:00:00Z' });
}

const record = (body: Body, offset: number, changes: Partial<OutputRecord> = {}): KafkaRecord => ({
  ...rawRecord(body, changes),
  partition: PARTITION,
  offset,
  timestamp: nowMs,
});

/** The details of the dead letter that the record becomes when the rule rejects. */
function detailsOf(code: RuleCode, { family = 'orders', before = [], body, changes }: Case): unknown[] {
  const actions = allowedActions(code).includes('reject') ? { [code]: 'reject' } : {};
  const settings = qualitySettings({ actions });
  const broken = record(body, before.length, changes);
  class Evaluator extends RuleEvaluator {
    override evaluate(...args: Parameters<RuleEvaluator['evaluate']>): ReturnType<RuleEvaluator['evaluate']> {
      if (code === 'internal.rule_failed') throw new RangeError('a defect');
      return super.evaluate(...args);
    }
  }
  const records = [...before.map((one, offset) => record(one, offset)), broken];
  const { outputs } = evaluate(family, records, new StateOverlay(new PartitionState()), {
    evaluator: new Evaluator({ family, settings, partitionOf: (key) => partitionFor(key) }),
    catalog,
    catalogComplete: true,
    now: new Date(nowMs),
  });
  const letter = outputs.at(-1);
  expect(letter?.topic).toMatch(/\.dlq\.validator$/);
  return JSON.parse(String(letter?.headers['dlq-detail'])) as unknown[];
}

describe('the dead letter of a record that breaks a rule', () => {
  it.each(RULE_CODES.map((code) => [code, CASES[code]] as const))(
    '%s says what was expected and found',
    (code, one) => {
      const [path, name, expected, found] = one.says;
      const constraint = new RegExp(
        `^${RegExp.escape(name)}: expected ${RegExp.escape(expected)}…?, found ${RegExp.escape(found)}`,
      );
      expect(detailsOf(code, one)).toContainEqual({
        code,
        path,
        constraint: expect.stringMatching(constraint) as string,
      });
    },
  );

  it('quotes no personal field', () => {
    const personal = EVENT_CONTRACTS.get('order.placed')?.columns.filter((column) => column.personal) ?? [];
    expect(personal.map(({ name }) => name)).toContain('vendor_address');
    for (const { name } of personal) {
      const [detail] = detailsOf('drift.vendor', {
        ...CASES['drift.vendor'],
        body: order({ [name]: 'Secret Street 1' }),
      });
      expect(detail).toEqual({
        code: 'drift.vendor',
        path: name,
        constraint: 'equalsKnown: expected the value of the catalog, found another',
      });
    }
  });
});

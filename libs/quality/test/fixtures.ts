import { createHash } from 'node:crypto';
import { envelopeHeaders, EVENT_CONTRACTS, type Family } from '@orderstream/contracts';
import {
  Catalog,
  DEFAULT_STATE_LIMITS,
  PartitionState,
  qualitySettings,
  type RawRecord,
  type Reason,
  RuleEvaluator,
  type StateLimits,
  StateOverlay,
  type Verdict,
} from '../src';

/** 2026-03-01T12:00:00Z */
export const NOON_MS = Date.UTC(2026, 2, 1, 12);
export const PARTITION = 3;
export const SOURCE = '/test';

export const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
export const uuid = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
export const iso = (ms: number): string => new Date(ms).toISOString();

export type Fields = Readonly<Record<string, unknown>>;

let lastId = 0;
const nextId = (): string => uuid(++lastId);

export function placed(fields: Fields = {}): Fields {
  return {
    event_id: nextId(),
    event_type: 'order.placed',
    occurred_at: iso(NOON_MS - 1_000),
    order_id: sha('order 1'),
    order_placed_at: iso(NOON_MS - 1_000),
    order_rating: null,
    vendor_id: sha('vendor'),
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
    customer_id: sha('customer'),
    customer_registered_at: '2025-01-01T00:00:00.000Z',
    item_sku: uuid(0xabc),
    item_name: 'Desk lamp',
    item_price: '12.90',
    item_quantity: 2,
    ...fields,
  };
}

const FOLLOW_UP_FIELDS: Readonly<Record<string, Fields>> = {
  'order.paid': { payment_id: 'pay_1', payment_method: 'card', payment_amount: '25.80' },
  'order.shipped': { carrier: 'DHL' },
  'order.delivered': { carrier: 'DHL' },
  'order.cancelled': { cancelled_by: 'customer', cancel_reason: 'other' },
  'order.returned': { return_reason: 'damaged', returned_quantity: 1, refund_amount: '12.90' },
  'order.rated': { order_rating: 5 },
};

/** An event after order.placed. */
export function followUp(type: string, fields: Fields = {}): Fields {
  return {
    event_id: nextId(),
    event_type: type,
    occurred_at: iso(NOON_MS),
    order_id: sha('order 1'),
    order_placed_at: iso(NOON_MS - 1_000),
    customer_id: sha('customer'),
    ...FOLLOW_UP_FIELDS[type],
    ...fields,
  };
}

/** A record with this body and a matching key and envelope. */
export function recordOf(body: Fields, changes: Partial<RawRecord> = {}): RawRecord {
  const keyField = EVENT_CONTRACTS.get(String(body.event_type))?.keyField ?? 'customer_id';
  return {
    partition: PARTITION,
    timestamp: NOON_MS,
    key: Buffer.from(String(body[keyField])),
    value: Buffer.from(JSON.stringify(body)),
    headers: Object.fromEntries(
      Object.entries(
        envelopeHeaders({
          id: String(body.event_id),
          type: String(body.event_type),
          source: SOURCE,
          time: String(body.occurred_at),
        }),
      ).map(([name, text]) => [name, Buffer.from(text)]),
    ),
    ...changes,
  };
}

/** A catalog with the vendor and the product of `placed()`. */
export function knownCatalog(): Catalog {
  const catalog = new Catalog();
  catalog.apply({
    event_type: 'vendor.onboarded',
    occurred_at: '2025-01-01T00:00:00Z',
    vendor_id: sha('vendor'),
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
  });
  catalog.apply({
    event_type: 'product.listed',
    occurred_at: '2025-01-01T00:00:00Z',
    item_sku: uuid(0xabc),
    item_name: 'Desk lamp',
  });
  return catalog;
}

export function evaluatorFor(family: Family = 'orders', actions: Readonly<Record<string, string>> = {}): RuleEvaluator {
  return new RuleEvaluator({ family, settings: qualitySettings({ actions }), partitionOf: () => PARTITION });
}

/** A partition that evaluates and commits record by record. */
export class TestPartition {
  state: PartitionState;
  catalog = knownCatalog();
  /** The loop's clock; undefined: always right. */
  clockMs: number | undefined;

  constructor(
    readonly evaluator: RuleEvaluator = evaluatorFor(),
    private readonly catalogComplete = true,
    limits: StateLimits = DEFAULT_STATE_LIMITS,
  ) {
    this.state = new PartitionState(limits);
  }

  evaluate(record: RawRecord): Verdict {
    const overlay = new StateOverlay(this.state);
    overlay.advanceTo(record.timestamp, this.clockMs ?? record.timestamp);
    const { verdict, changes } = this.evaluator.evaluate(record, overlay, this.catalog, this.catalogComplete);
    if (verdict.kind === 'wait') return verdict;
    overlay.settle(verdict, changes);
    overlay.fold(0);
    return verdict;
  }

  evaluateBody(body: Fields): Verdict {
    return this.evaluate(recordOf(body));
  }
}

/** The kind of the verdict, with the codes of a reject or the flags, in order. */
export function summary(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'reject':
      return `reject ${[...new Set(verdict.reasons.map(({ code }) => code))].join(' ')}`;
    case 'accept':
    case 'repair':
      return [verdict.kind, ...verdict.flags].join(' ');
    case 'skip':
    case 'wait':
      return verdict.kind;
  }
}

/** The reasons for which a partition of its own rejects the record; none if it does not. */
export const reasonsOf = (record: RawRecord): readonly Reason[] => {
  const verdict = new TestPartition().evaluate(record);
  return verdict.kind === 'reject' ? verdict.reasons : [];
};

/** The name of a reason's constraint. */
export const nameOf = (reason: Reason | undefined): string | undefined => reason?.constraint?.split(':')[0];

import { CANCEL_REASONS, CANCELLED_BY, type EventType, PAYMENT_METHODS, RETURN_REASONS } from '@orderstream/contracts';
import { type Rng } from '@orderstream/random';
import { type Product } from './catalog-entities';
import { type Customer } from './customers';
import { type Identities } from './identity';
import { centsOf, money } from './money';
import { entry, type Pools } from './pools';

export type OrderState = 'placed' | 'paid' | 'shipped' | 'delivered' | 'rated' | 'returned' | 'cancelled';

/** An order that the validator accepts or repairs. */
export interface Order {
  /** Sequence number of its `order.placed`. */
  readonly seq: number;
  readonly id: string;
  readonly customerIndex: number;
  readonly customerId: string;
  readonly customerRegisteredAt: string;
  readonly productIndex: number;
  readonly vendorId: string;
  readonly placedAtMs: number;
  /** Decimal string. */
  readonly unitPrice: string;
  readonly quantity: number;
  state: OrderState;
  /** Sequence number of its last event. */
  lastSeq: number;
}

const RATED_SHARE = 0.8;

type Fields = Readonly<Record<string, unknown>>;

/** The 13 columns of an order. 80 % have a rating, as in the original data set. */
export function orderFields(
  orderId: string,
  customer: Pick<Customer, 'id' | 'registeredAt'>,
  product: Product,
  quantity: number,
  placedAtMs: number,
  rng: Rng,
): Fields {
  const { vendor } = product;
  return {
    order_id: orderId,
    order_placed_at: new Date(placedAtMs).toISOString(),
    order_rating: rng.chance(RATED_SHARE) ? rng.between(1, 5) : null,
    vendor_id: vendor.id,
    vendor_name: vendor.name,
    vendor_address: vendor.address,
    vendor_vertical: vendor.vertical,
    customer_id: customer.id,
    customer_registered_at: customer.registeredAt,
    item_sku: product.sku,
    item_name: product.name,
    item_price: product.price,
    item_quantity: quantity,
  };
}

/** Body of a lifecycle event; a planted defect may emit it in an illegal state. */
export function lifecycleFields(type: EventType, order: Order, rng: Rng, pools: Pools, identities: Identities): Fields {
  const subject = {
    order_id: order.id,
    order_placed_at: new Date(order.placedAtMs).toISOString(),
    customer_id: order.customerId,
  };
  const amount = money(centsOf(order.unitPrice) * order.quantity);
  const shipment = {
    carrier: entry(pools.carriers, order.seq),
    tracking_id: `TRK${identities.sha256('shipment', order.seq).slice(0, 16)}`,
  };
  switch (type) {
    case 'order.paid':
      return {
        ...subject,
        payment_id: `pay_${identities.sha256('payment', order.seq).slice(0, 16)}`,
        payment_method: rng.pick(PAYMENT_METHODS),
        payment_amount: amount,
      };
    case 'order.shipped':
      return { ...subject, ...shipment };
    case 'order.delivered':
      return { ...subject, ...shipment, delivery_attempt: rng.chance(0.9) ? 1 : 2 };
    case 'order.cancelled':
      return { ...subject, cancelled_by: rng.pick(CANCELLED_BY), cancel_reason: rng.pick(CANCEL_REASONS) };
    case 'order.returned':
      return {
        ...subject,
        return_reason: rng.pick(RETURN_REASONS),
        returned_quantity: order.quantity,
        refund_amount: amount,
      };
    default:
      return { ...subject, order_rating: rng.between(1, 5) };
  }
}

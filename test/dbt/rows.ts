const DAY_MS = 86_400_000;

/** An instant of a day in UTC, `daysAgo` days before today. */
export const at = (daysAgo: number, time = '10:00:00'): string =>
  `${new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10)}T${time}Z`;
export const dayOf = (daysAgo: number): string => at(daysAgo).slice(0, 10);

let offset = 0;
/** The columns that every table of a family has. Each record is a new one. */
const record = (eventType: string, occurredAt: string) => {
  offset += 1;
  return {
    event_id: `event-${offset}`,
    event_type: eventType,
    occurred_at: occurredAt,
    event_source: '/test',
    _kafka_topic: 'marketplace.test.validated.v1',
    _kafka_partition: 0,
    _kafka_offset: offset,
    _kafka_timestamp: occurredAt,
  };
};

interface Placement {
  readonly order: string;
  readonly placedAt: string;
  readonly vendor?: string;
  readonly customer?: string;
  readonly sku?: string;
  readonly price?: string;
  readonly quantity?: number;
  readonly name?: string;
}

/** The 13 columns of an order. */
const order = (placement: Placement) => {
  const { order: id, placedAt, vendor = 'v1', customer = 'c1', sku = 's1', price = '10.00', quantity = 1 } = placement;
  return {
    order_id: id,
    order_placed_at: placedAt,
    order_rating: null,
    vendor_id: vendor,
    vendor_name: placement.name ?? `Vendor ${vendor}`,
    vendor_address: 'Main Street 1',
    vendor_vertical: 'Books',
    customer_id: customer,
    customer_registered_at: '2020-01-01T00:00:00Z',
    item_sku: sku,
    item_name: `Item ${sku}`,
    item_price: price,
    item_quantity: quantity,
  };
};

export const batchOrder = (placement: Placement) => order(placement);
export const placed = (placement: Placement) => ({
  ...record('order.placed', placement.placedAt),
  ...order(placement),
});

/** A later event of an order. */
export const orderEvent = (type: string, id: string, placedAt: string, occurredAt: string, rating?: number) => ({
  ...record(`order.${type}`, occurredAt),
  order_id: id,
  order_placed_at: placedAt,
  customer_id: 'c1',
  order_rating: rating ?? null,
});

export const vendorEvent = (type: 'onboarded' | 'updated', vendor: string, name: string, occurredAt: string) => ({
  ...record(`vendor.${type}`, occurredAt),
  vendor_id: vendor,
  vendor_name: name,
  vendor_address: 'Main Street 1',
  vendor_vertical: 'Books',
});

export const productEvent = (type: 'listed' | 'price_changed', sku: string, price: string, occurredAt: string) => ({
  ...record(`product.${type}`, occurredAt),
  vendor_id: 'v1',
  item_sku: sku,
  item_name: `Item ${sku}`,
  item_price: price,
});

export const customerEvent = (customer: string, country: string, occurredAt: string) => ({
  ...record('customer.updated', occurredAt),
  customer_id: customer,
  customer_registered_at: '2020-01-01T00:00:00Z',
  customer_country: country,
  marketing_consent: true,
});

export const interaction = (type: string, session: string, occurredAt: string) => ({
  ...record(type, occurredAt),
  session_id: session,
  customer_id: 'c1',
});

export const deadLetter = (failedAt: string, reason = 'structure.invalid_field') => {
  const { _kafka_topic, _kafka_partition, _kafka_offset, _kafka_timestamp } = record('', failedAt);
  return {
    source: 'stream',
    app: 'validator',
    reason,
    fingerprint: '0123456789abcdef',
    detail: JSON.stringify([{ code: reason, path: 'item_price', constraint: 'decimal' }]),
    source_topic: 'marketplace.orders.raw.v1',
    source_partition: _kafka_partition,
    source_offset: _kafka_offset,
    attempt: 1,
    failed_at: failedAt,
    first_failed_at: failedAt,
    body: '{"vendor_id":"v1"}',
    _kafka_topic,
    _kafka_partition,
    _kafka_offset,
    _kafka_timestamp,
  };
};

/** A delivery by the subscription. */
export const delivered = (placement: Placement, coordinates: number, message: string) => ({
  event_id: `event-${placement.order}`,
  event_type: 'order.placed',
  occurred_at: placement.placedAt,
  ...order(placement),
  message_id: message,
  publish_time: placement.placedAt,
  attributes: JSON.stringify({ kafka_topic: 't', kafka_partition: '0', kafka_offset: String(coordinates) }),
});

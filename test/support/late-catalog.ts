import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { envelopeHeaders, type Family, rawTopic } from '@orderstream/contracts';
import { partitionFor, RecordProducer } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

const SAMPLES = join(__dirname, '..', '..', 'libs', 'contracts', 'samples', 'v1');
const CHUNK = 500;
const CUSTOMERS = 500;

interface Event {
  readonly event_id: string;
  readonly event_type: string;
  readonly occurred_at: string;
  readonly [field: string]: unknown;
}

interface Keyed {
  readonly key: string;
  readonly event: Event;
}

/**
 * A vendor whose announcement is late: its orders come first, each with its payment and its shipment, and none of them can
 * be accepted. The orders are those of the contracts' samples, with ids and times of their own.
 */
export class LateCatalog {
  /** `ce_source` of everything that is sent. */
  readonly source = `late-catalog-${randomUUID()}`;
  /** In the order in which they are sent: per customer and order placed, paid, shipped. */
  readonly orderEvents: readonly Keyed[];
  readonly vendorId: string;
  private readonly catalog: readonly Keyed[];
  private readonly run = randomUUID();
  /** For `STARTS_WITH(customer_id, …)`: streaming_orders has no column for the source. */
  readonly customerPrefix = this.hex('customers').slice(0, 32);

  /** @param changes fields of the orders that differ from those of the sample */
  constructor(orders: number, now: number, changes: Readonly<Record<string, unknown>> = {}) {
    const vendor = { ...sample('vendor.onboarded'), vendor_id: this.hex('vendor') };
    const product = { ...sample('product.listed'), item_sku: randomUUID(), vendor_id: vendor.vendor_id };
    this.vendorId = vendor.vendor_id;
    const announced = now - 3_600_000;
    this.catalog = [
      { key: vendor.vendor_id, event: newEvent(vendor, announced) },
      { key: product.item_sku, event: newEvent(product, announced) },
    ];
    const placed = {
      ...sample('order.placed'),
      ...pick(vendor, ['vendor_id', 'vendor_name', 'vendor_address', 'vendor_vertical']),
      ...pick(product, ['item_sku', 'item_name']),
      ...changes,
    };
    const first = now - 600_000;
    this.orderEvents = Array.from({ length: orders }, (_, at): readonly Keyed[] => {
      const key = `${this.customerPrefix}${this.hex(String(at % CUSTOMERS)).slice(0, 32)}`;
      // No two orders of a customer are placed at the same time.
      const placedAt = first + at * 10;
      const ids = {
        order_id: this.hex(`order ${at}`),
        customer_id: key,
        order_placed_at: new Date(placedAt).toISOString(),
      };
      return [
        { key, event: newEvent({ ...placed, ...ids }, placedAt) },
        { key, event: newEvent({ ...sample('order.paid'), ...ids }, placedAt + 1) },
        { key, event: newEvent({ ...sample('order.shipped'), ...ids }, placedAt + 2) },
      ];
    }).flat();
  }

  get ids(): readonly string[] {
    return this.orderEvents.map(({ event }) => event.event_id).sort();
  }

  /** The event ids of each customer, in the order in which they were sent. */
  get idsByCustomer(): ReadonlyMap<string, readonly string[]> {
    const byCustomer = new Map<string, string[]>();
    for (const { key, event } of this.orderEvents) {
      const ids = byCustomer.get(key) ?? [];
      ids.push(event.event_id);
      byCustomer.set(key, ids);
    }
    return byCustomer;
  }

  sendOrders(kafka: Kafka): Promise<void> {
    return this.send(kafka, 'orders', this.orderEvents);
  }

  sendCatalog(kafka: Kafka): Promise<void> {
    return this.send(kafka, 'catalog', this.catalog);
  }

  /** 64 hex digits, the same for the same text. */
  private hex(text: string): string {
    return createHash('sha256').update(`${this.run} ${text}`).digest('hex');
  }

  private async send(kafka: Kafka, family: Family, events: readonly Keyed[]): Promise<void> {
    const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
    await producer.connect();
    try {
      for (let at = 0; at < events.length; at += CHUNK) {
        await producer.send(events.slice(at, at + CHUNK).map((keyed) => this.recordOf(family, keyed)));
      }
    } finally {
      await producer.disconnect();
    }
  }

  private recordOf(family: Family, { key: text, event }: Keyed): Parameters<RecordProducer['send']>[0][number] {
    const key = Buffer.from(text);
    const { event_id: id, event_type: type, occurred_at: time } = event;
    return {
      topic: rawTopic(family),
      partition: partitionFor(key),
      key,
      value: Buffer.from(JSON.stringify(event)),
      headers: envelopeHeaders({ id, type, source: this.source, time }),
    };
  }
}

type Sample = Event & { readonly vendor_id: string; readonly item_sku: string };

function sample(type: string): Sample {
  return JSON.parse(readFileSync(join(SAMPLES, `${type}.json`), 'utf8')) as Sample;
}

function newEvent(event: Event, atMs: number): Event {
  return { ...event, event_id: randomUUID(), occurred_at: new Date(atMs).toISOString() };
}

function pick(event: Event, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, event[name]]));
}

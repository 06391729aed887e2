import { envelopeHeaders, EVENT_CONTRACTS, type EventContract, type Family } from '@orderstream/contracts';
import { partitionFor, type RecordHeaders } from '@orderstream/kafka';
import { type Rng } from '@orderstream/random';

/** An event that meets its contract. Each poison record is an altered one. */
export interface ValidEvent {
  readonly key: Buffer;
  readonly partition: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: RecordHeaders;
}

/** What replaces the key, partition, value and headers of a valid event. Undefined: unchanged. */
export interface Alteration {
  readonly key?: Buffer | null;
  readonly partition?: number;
  readonly value: Buffer | null;
  readonly headers?: RecordHeaders;
  /** The name of a header, and the bytes that replace it in the batch. They have the same length. */
  readonly renamed?: readonly [name: string, bytes: Buffer];
}

export interface Poison {
  readonly kind: string;
  /** Code of the first rule that fires. Undefined: the record must be accepted. */
  readonly reason: string | undefined;
  readonly alter: (valid: ValidEvent, rng: Rng) => Alteration;
}

export const json = (body: object): Buffer => Buffer.from(JSON.stringify(body));
export const bytes = (rng: Rng, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => rng.between(0, 255)));

/** An event of any type of the family, with the examples of its contract. */
export function validEvent(family: Family, rng: Rng): ValidEvent {
  return eventOf(anyContract(family, rng), rng);
}

/** An event that no rule rejects, whatever was sent before it. Of orders: after the events of its shop. */
export function acceptableEvent(family: Family, rng: Rng, shop: Shop): ValidEvent {
  // Another customer each time: the records of one would all be in one partition.
  const customer = { customer_id: hex(rng, 32) };
  if (family === 'catalog') return validEvent(family, rng);
  if (family !== 'orders') return eventOf(anyContract(family, rng), rng, customer);
  return eventOf(contractOf('order.placed'), rng, {
    ...customer,
    order_id: hex(rng, 32),
    order_placed_at: new Date().toISOString(),
    vendor_id: shop.vendorId,
    item_sku: shop.itemSku,
  });
}

/** A vendor and an item of the vendor. */
export interface Shop {
  readonly vendorId: string;
  readonly itemSku: string;
  /** The events of the catalog that announce them. */
  readonly events: readonly ValidEvent[];
}

export function newShop(rng: Rng): Shop {
  const vendorId = hex(rng, 32);
  const itemSku = hex(rng, 16).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
  return {
    vendorId,
    itemSku,
    events: [
      eventOf(contractOf('vendor.onboarded'), rng, { vendor_id: vendorId }),
      eventOf(contractOf('product.listed'), rng, { vendor_id: vendorId, item_sku: itemSku }),
    ],
  };
}

function eventOf(contract: EventContract, rng: Rng, fields: Readonly<Record<string, unknown>> = {}): ValidEvent {
  const id = `poison-${hex(rng, 12)}`;
  const time = new Date().toISOString();
  const body: Record<string, unknown> = {
    ...Object.fromEntries(contract.columns.map(({ name, example }) => [name, example])),
    ...fields,
    event_id: id,
    event_type: contract.type,
    occurred_at: time,
  };
  const key = Buffer.from(String(body[contract.keyField]));
  const headers = envelopeHeaders({ id, type: contract.type, source: '/poison', time });
  return { key, partition: partitionFor(key), body, headers };
}

const anyContract = (family: Family, rng: Rng): EventContract =>
  rng.pick([...EVENT_CONTRACTS.values()].filter((each) => each.family === family));

function contractOf(type: string): EventContract {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) throw new TypeError(`there is no event type ${type}`);
  return contract;
}

const hex = (rng: Rng, count: number): string => bytes(rng, count).toString('hex');

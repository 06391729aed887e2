import { hash } from 'node:crypto';
import { type OrderPlaced, timestampMicros } from '@orderstream/contracts';
import type { CatalogView } from '../catalog/catalog';
import { nextState } from '../lifecycle';
import type { OrderLifecycle } from '../state/order-memory';
import type { StateChange, StateView } from '../state/state-view';
import type { Body } from '../structure/body';
import type { Reference } from '../verdict';
import type { Findings } from './findings';
import { compareTimes } from './times';

const ORDER_KEY_LENGTH = 22;

/** Identifies an order by customer, vendor and time: 128 bits of a hash, in 22 characters. */
export function orderKeyOf(order: Pick<OrderPlaced, 'customer_id' | 'vendor_id' | 'order_placed_at'>): string {
  const micros = timestampMicros(order.order_placed_at).toString();
  const digest = hash('sha256', `${order.customer_id}\n${order.vendor_id}\n${micros}`, 'base64url');
  // A copy: a slice would retain the whole digest for as long as the order is remembered.
  return Buffer.from(digest, 'latin1').toString('latin1', 0, ORDER_KEY_LENGTH);
}

/** Repairs customer_registered_at by the first accepted one, then checks that the order was placed after it. */
export function checkRegistration(order: OrderPlaced, state: StateView, findings: Findings): void {
  let registeredAt = order.customer_registered_at;
  const first = state.registration(order.customer_id);
  if (first !== undefined && first !== registeredAt && compareTimes(first, registeredAt) !== 0) {
    if (findings.fireRepair('drift.customer', 'customer_registered_at', first)) registeredAt = first;
  }
  if (compareTimes(order.order_placed_at, registeredAt) < 0) {
    findings.fire('time.before_registration', 'order_placed_at', 'notBefore:customer_registered_at');
  }
}

/**
 * Checks an order's vendor and product against the catalog. With a complete catalog the rules fire. Without it, returns
 * the references that the catalog does not contain or that contradict the order. A version that the catalog has dropped
 * is flagged, and so is a contradiction to a catalog that is behind: neither is proven.
 */
export function checkReferences(
  order: OrderPlaced,
  occurredMicros: number,
  catalog: CatalogView,
  catalogComplete: boolean,
  findings: Findings,
): readonly Reference[] {
  let missing: Reference[] | undefined;
  const vendor = catalog.vendor(order.vendor_id);
  const vendorThen = vendor?.at(occurredMicros);
  if (vendor === undefined) {
    if (catalogComplete) fireUnknown('reference.unknown_vendor', 'vendor_id', catalog, findings);
    else if (findings.enabled('reference.unknown_vendor')) {
      (missing ??= []).push({ entity: 'vendor', id: order.vendor_id });
    }
  } else if (vendorThen === undefined) {
    findings.fireUnproven('drift.vendor', 'vendor_id', 'isInCatalog');
  } else if (findings.enabled('drift.vendor')) {
    for (const field of ['vendor_name', 'vendor_address', 'vendor_vertical'] as const) {
      if (vendorThen[field] === order[field]) continue;
      if (catalogComplete) fireDrift('drift.vendor', field, vendorThen[field], catalog, findings);
      else (missing ??= []).push({ entity: 'vendor', id: order.vendor_id });
    }
  }
  const product = catalog.product(order.item_sku);
  const productThen = product?.at(occurredMicros);
  if (product === undefined) {
    if (catalogComplete) fireUnknown('reference.unknown_product', 'item_sku', catalog, findings);
    else if (findings.enabled('reference.unknown_product')) {
      (missing ??= []).push({ entity: 'product', id: order.item_sku });
    }
  } else if (productThen === undefined) {
    findings.fireUnproven('drift.product', 'item_sku', 'isInCatalog');
  } else if (productThen.item_name !== order.item_name && findings.enabled('drift.product')) {
    if (catalogComplete) fireDrift('drift.product', 'item_name', productThen.item_name, catalog, findings);
    else (missing ??= []).push({ entity: 'product', id: order.item_sku });
  }
  return missing ?? NO_REFERENCES;
}

const NO_REFERENCES: readonly Reference[] = [];

function fireUnknown(
  code: 'reference.unknown_vendor' | 'reference.unknown_product',
  path: string,
  catalog: CatalogView,
  findings: Findings,
): void {
  if (catalog.truncated) findings.fireUnproven(code, path, 'isInCatalog');
  else findings.fire(code, path, catalog.behind ? 'catalogBehind' : 'isInCatalog');
}

function fireDrift(
  code: 'drift.vendor' | 'drift.product',
  path: string,
  known: string,
  catalog: CatalogView,
  findings: Findings,
): void {
  if (catalog.behind) findings.fireUnproven(code, path, 'catalogBehind');
  else findings.fireRepair(code, path, known);
}

/** Checks that the event may follow the order's last accepted event. Returns the order after the event if it may. */
export function checkLifecycle(
  type: string,
  body: Body,
  appendMs: number,
  orderKey: string | undefined,
  maxAheadMs: number,
  state: StateView,
  findings: Findings,
): OrderLifecycle | undefined {
  const order = state.order(String(body.order_id));
  const after = lifecycleAfter(order, type, body, appendMs, orderKey, maxAheadMs);
  if (after !== undefined) return after;
  if (order !== undefined) {
    findings.fire('lifecycle.illegal_transition', 'event_type', `notAfter:${order.state}`);
  } else if (mayBeForgotten(body, state)) {
    findings.fireUnproven('lifecycle.unknown_order', 'order_id', 'isKnownOrder');
  } else {
    findings.fire('lifecycle.unknown_order', 'order_id', 'isKnownOrder');
  }
  return undefined;
}

/**
 * The order after the event, or undefined if the transition is illegal.
 *
 * @param maxAheadMs How far the order's time counts ahead of its append time. When an order is forgotten, its time
 * becomes the horizon. Without this limit an order dated far ahead would put all later orders behind the horizon, and
 * no event would be rejected as lifecycle.unknown_order any more.
 */
export function lifecycleAfter(
  order: OrderLifecycle | undefined,
  type: string,
  body: Body,
  appendMs: number,
  orderKey: string | undefined,
  maxAheadMs: number,
): OrderLifecycle | undefined {
  const next = nextState(order?.state, type);
  if (next === undefined) return undefined;
  if (order !== undefined) {
    const { placedAtMs, appendedAtMs, orderKey: key } = order;
    return { state: next, updatedAtMs: appendMs, placedAtMs, appendedAtMs, orderKey: key };
  }
  const placedAtMs = placedAtOf(String(body.order_placed_at), appendMs, maxAheadMs);
  return { state: next, updatedAtMs: appendMs, placedAtMs, appendedAtMs: appendMs, orderKey: orderKey ?? '' };
}

/** An order's time in milliseconds since the epoch, at most `maxAheadMs` ahead of the append time. */
export const placedAtOf = (orderPlacedAt: string, appendMs: number, maxAheadMs: number): number =>
  Math.min(Math.floor(timestampMicros(orderPlacedAt) / 1000), appendMs + maxAheadMs);

/** Whether the order may have been accepted and then forgotten. An event without order_placed_at cannot exclude it. */
function mayBeForgotten(body: Body, state: StateView): boolean {
  const horizon = state.forgottenPlacedUntilMs;
  if (horizon === undefined) return false;
  const placedAt = body.order_placed_at;
  return typeof placedAt !== 'string' || timestampMicros(placedAt) / 1000 < horizon + 1;
}

/** Adds the state changes of an accepted order event to `changes`. */
export function orderChanges(
  body: Body,
  lifecycle: OrderLifecycle | undefined,
  registration: string | undefined,
  changes: StateChange[],
): void {
  if (lifecycle !== undefined) changes.push({ kind: 'order', orderId: String(body.order_id), lifecycle });
  const { customer_id: customerId, customer_registered_at: registeredAt } = body;
  if (registration === undefined && typeof customerId === 'string' && typeof registeredAt === 'string') {
    changes.push({ kind: 'registration', customerId, registeredAt });
  }
}

import { hash } from 'node:crypto';
import { EVENT_CONTRACTS, type OrderPlaced, timestampMicros } from '@orderstream/contracts';
import type { CatalogView } from '../catalog/catalog';
import { nextState, nextStateAfterMissing } from '../lifecycle';
import type { OrderLifecycle } from '../state/order-memory';
import type { StateChange, StateView } from '../state/state-view';
import type { Body } from '../structure/body';
import type { Reference } from '../verdict';
import type { Findings } from './findings';
import { violated } from './constraint';
import { checkNotAhead, compareTimes, type Occurrence } from './times';
import type { QualitySettings } from '../settings';

const ORDER_KEY_LENGTH = 22;

/** Identifies an order by customer, vendor and time: 128 bits of a hash, in 22 characters. */
export function orderKeyOf(order: Pick<OrderPlaced, 'customer_id' | 'vendor_id' | 'order_placed_at'>): string {
  const micros = timestampMicros(order.order_placed_at).toString();
  const digest = hash('sha256', `${order.customer_id}\n${order.vendor_id}\n${micros}`, 'base64url');
  // A copy: a slice would retain the whole digest for as long as the order is remembered.
  return Buffer.from(digest, 'latin1').toString('latin1', 0, ORDER_KEY_LENGTH);
}

/**
 * Repairs customer_registered_at by the first accepted one, then checks that the order was placed after it.
 *
 * A registration that may have been forgotten flags the order: whether this one is the first cannot be proven. A customer
 * who was learned after others were forgotten may have been among them, unless both times are above the horizon.
 */
export function checkRegistration(
  order: OrderPlaced,
  occurrence: Occurrence,
  state: StateView,
  settings: QualitySettings,
  findings: Findings,
): void {
  const path = 'customer_registered_at';
  let registeredAt = order.customer_registered_at;
  const first = state.registration(order.customer_id);
  if (first === undefined) {
    if (mayBeForgotten(registeredAt, state.forgottenRegisteredUntilMs)) {
      findings.fireUnproven('drift.customer');
    }
  } else if (first.registeredAt !== registeredAt && compareTimes(first.registeredAt, registeredAt) !== 0) {
    const horizon = state.forgottenRegisteredUntilMs;
    const unproven =
      !first.certain && (mayBeForgotten(registeredAt, horizon) || mayBeForgotten(first.registeredAt, horizon));
    if (unproven) findings.fireUnproven('drift.customer');
    else if (findings.fireRepair('drift.customer', path, first.registeredAt, first.registeredAt, registeredAt))
      registeredAt = first.registeredAt;
  }
  if (compareTimes(order.order_placed_at, registeredAt) < 0) {
    const constraint = violated('notBefore:customer_registered_at', registeredAt, order.order_placed_at);
    findings.fire('time.before_registration', 'order_placed_at', constraint);
  }
  checkNotAhead(path, registeredAt, occurrence, settings, findings);
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
    if (catalogComplete) fireUnknown('vendor', order.vendor_id, catalog, findings);
    else if (findings.enabled('reference.unknown_vendor')) {
      (missing ??= []).push({ entity: 'vendor', id: order.vendor_id });
    }
  } else if (vendorThen === undefined) {
    findings.fireUnproven('drift.vendor');
  } else if (findings.enabled('drift.vendor')) {
    for (const field of ['vendor_name', 'vendor_address', 'vendor_vertical'] as const) {
      if (vendorThen[field] === order[field]) continue;
      if (catalogComplete) fireDrift('drift.vendor', field, vendorThen[field], order[field], catalog, findings);
      else (missing ??= []).push({ entity: 'vendor', id: order.vendor_id });
    }
  }
  const product = catalog.product(order.item_sku);
  const productThen = product?.at(occurredMicros);
  if (product === undefined) {
    if (catalogComplete) fireUnknown('product', order.item_sku, catalog, findings);
    else if (findings.enabled('reference.unknown_product')) {
      (missing ??= []).push({ entity: 'product', id: order.item_sku });
    }
  } else if (productThen === undefined) {
    findings.fireUnproven('drift.product');
  } else if (productThen.item_name !== order.item_name && findings.enabled('drift.product')) {
    if (catalogComplete)
      fireDrift('drift.product', 'item_name', productThen.item_name, order.item_name, catalog, findings);
    else (missing ??= []).push({ entity: 'product', id: order.item_sku });
  }
  return missing ?? NO_REFERENCES;
}

const NO_REFERENCES: readonly Reference[] = [];

function fireUnknown(entity: 'vendor' | 'product', id: string, catalog: CatalogView, findings: Findings): void {
  const code = `reference.unknown_${entity}` as const;
  const path = entity === 'vendor' ? 'vendor_id' : 'item_sku';
  if (catalog.truncated) findings.fireUnproven(code);
  else if (catalog.behind) findings.fire(code, path, violated('catalogBehind', 'a catalog that is up to date', id));
  else findings.fire(code, path, violated('isInCatalog', `a ${entity} of the catalog`, id));
}

function fireDrift(
  code: 'drift.vendor' | 'drift.product',
  path: 'vendor_name' | 'vendor_address' | 'vendor_vertical' | 'item_name',
  known: string,
  found: string,
  catalog: CatalogView,
  findings: Findings,
): void {
  if (catalog.behind) findings.fireUnproven(code);
  else if (PERSONAL.has(path)) findings.fireRepair(code, path, known, 'the value of the catalog', 'another');
  else findings.fireRepair(code, path, known, known, found);
}

/** The fields of an order that no detail quotes. */
const PERSONAL: ReadonlySet<string> = new Set(
  EVENT_CONTRACTS.get('order.placed')
    ?.columns.filter(({ personal }) => personal)
    .map(({ name }) => name),
);

/**
 * Checks that the event may follow the order's last accepted event. Returns the order after the event, if it changes.
 *
 * Where events of the order may be missing, a transition that they explain flags the event, and the order goes on from
 * it. One that no missing events explain is illegal, unless the order is uncertain already: then it is flagged.
 */
export function checkLifecycle(
  type: string,
  body: Body,
  orderKey: string | undefined,
  maxAheadMs: number,
  state: StateView,
  findings: Findings,
): OrderLifecycle | undefined {
  const order = state.order(String(body.order_id));
  const after = lifecycleAfter(order, type, body, state, orderKey, maxAheadMs);
  if (nextState(order?.state, type) !== undefined) return after;
  if (order !== undefined) {
    if (order.certain && after === undefined) {
      const constraint = violated(`notAfter:${order.state}`, 'an event that may follow', type);
      findings.fire('lifecycle.illegal_transition', 'event_type', constraint);
    } else findings.fireUnproven('lifecycle.illegal_transition');
  } else if (mayBeForgotten(body.order_placed_at, state.forgottenPlacedUntilMs)) {
    findings.fireUnproven('lifecycle.unknown_order');
  } else {
    const constraint = violated('isKnownOrder', 'an accepted order', String(body.order_id));
    findings.fire('lifecycle.unknown_order', 'order_id', constraint);
  }
  return after;
}

/**
 * The order after the event, or undefined if the transition is illegal. An order that may have been forgotten before can
 * be placed again. One whose events may be missing goes on from the event, and is not certain from then on.
 *
 * @param maxAheadMs How far the order's time counts ahead of its append time. When an order is forgotten, its time
 * becomes the horizon. Without this limit an order dated far ahead would put all later orders behind the horizon, and
 * no event would be rejected as lifecycle.unknown_order any more.
 */
export function lifecycleAfter(
  order: OrderLifecycle | undefined,
  type: string,
  body: Body,
  view: Pick<StateView, 'nowMs' | 'forgottenPlacedUntilMs' | 'missedUntilMs'>,
  orderKey: string | undefined,
  maxAheadMs: number,
): OrderLifecycle | undefined {
  const { nowMs, forgottenPlacedUntilMs, missedUntilMs } = view;
  const known = order?.certain === false && type === 'order.placed' ? undefined : order;
  const legal = nextState(known?.state, type);
  if (known !== undefined) {
    const mayLackEvents = missedUntilMs !== undefined && known.updatedAtMs <= missedUntilMs;
    const state = legal ?? (mayLackEvents ? nextStateAfterMissing(known.state, type) : undefined);
    if (state === undefined) return undefined;
    const { placedAtMs, appendedAtMs, orderKey: key } = known;
    const certain = known.certain && !mayLackEvents;
    return { state, updatedAtMs: nowMs, placedAtMs, appendedAtMs, orderKey: key, certain };
  }
  if (legal === undefined) return undefined;
  const placedAtMs = placedAtOf(String(body.order_placed_at), nowMs, maxAheadMs);
  const certain = !mayBeForgotten(body.order_placed_at, forgottenPlacedUntilMs);
  return { state: legal, updatedAtMs: nowMs, placedAtMs, appendedAtMs: nowMs, orderKey: orderKey ?? '', certain };
}

/** An order's time in milliseconds since the epoch, at most `maxAheadMs` ahead of the append time. */
export const placedAtOf = (orderPlacedAt: string, appendMs: number, maxAheadMs: number): number =>
  Math.min(Math.floor(timestampMicros(orderPlacedAt) / 1000), appendMs + maxAheadMs);

/** Whether what has this time may have been accepted and then forgotten. Without a time it cannot be excluded. */
function mayBeForgotten(time: unknown, horizonMs: number | undefined): boolean {
  if (horizonMs === undefined) return false;
  return typeof time !== 'string' || timestampMicros(time) / 1000 < horizonMs + 1;
}

/** Adds the state changes of an accepted order event to `changes`. */
export function orderChanges(
  body: Body,
  lifecycle: OrderLifecycle | undefined,
  isKnownCustomer: boolean,
  changes: StateChange[],
): void {
  if (lifecycle !== undefined) changes.push({ kind: 'order', orderId: String(body.order_id), lifecycle });
  const { customer_id: customerId, customer_registered_at: registeredAt } = body;
  if (!isKnownCustomer && typeof customerId === 'string' && typeof registeredAt === 'string') {
    changes.push({ kind: 'registration', customerId, registeredAt });
  }
}

import { type OrderPlaced, RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { lifecycleAfter, orderChanges, orderKeyOf, placedAtOf } from '../rules/order-rules';
import type { StateLimits } from '../settings';
import type { Body } from '../structure/body';
import { headerText } from '../structure/envelope';
import { identityOfRecord } from '../structure/structure';
import type { RawRecord, Verdict } from '../verdict';
import { PartitionState } from './partition-state';
import { encodeSummary, type StateRecord, type StateSummary, SUMMARY_KEY } from './state-codec';
import { StateOverlay } from './state-overlay';
import type { StateChange } from './state-view';

export interface StateRebuildOptions {
  readonly limits: StateLimits;
  /** Name of the header in which a validated record carries the codes of its flags. */
  readonly flagsHeader: string;
  /** Whether a flag tells of a repair, which replaced the body. */
  readonly isRepair: (code: RuleCode) => boolean;
  /**
   * Append time up to which the log was taken by retention, in milliseconds since the epoch: what was accepted before is
   * forgotten. Undefined: the log is whole.
   */
  readonly forgottenUntilMs: number | undefined;
  /** As far an order's time counts where it lies ahead of its append time, in milliseconds. See `lifecycleAfter`. */
  readonly maxAheadMs: number;
}

/** A partition's state as rebuilt, and the records that say so. */
export interface RebuiltState {
  readonly state: PartitionState;
  /** Of the state topic: every entry, the summary last. */
  readonly records: readonly StateRecord[];
}

/**
 * Rebuilds a partition's state from what was accepted. The validated log is the record of verdicts: nothing is evaluated
 * again, and the settings of the day do not matter.
 *
 * It reaches back as far as the log does. Orders placed before that may have been accepted and are not known any more:
 * they lie below the eviction horizon, so that what follows them is flagged instead of rejected.
 */
export class StateRebuild {
  private readonly overlay: StateOverlay;
  private readonly base: PartitionState;
  private horizonMs: number | undefined;
  private passedOverCount = 0;

  constructor(private readonly options: StateRebuildOptions) {
    this.base = new PartitionState(options.limits);
    this.overlay = new StateOverlay(this.base);
    const { forgottenUntilMs, maxAheadMs } = options;
    this.horizonMs = forgottenUntilMs === undefined ? undefined : forgottenUntilMs + maxAheadMs;
  }

  /** Records that no validator wrote: they left nothing. */
  get missingBelowCommit(): number {
    return this.passedOverCount;
  }

  /** Takes one validated record, in the order of the log. */
  accepted(record: RawRecord): void {
    const identity = identityOfRecord(record.headers);
    const body = bodyOf(record);
    if (identity === undefined || body === undefined) {
      this.passedOverCount++;
      return;
    }
    this.overlay.advanceTo(record.timestamp);
    const changes: StateChange[] = [{ kind: 'event', identity }];
    this.addOrderChanges(body, record.timestamp, changes);
    this.overlay.settle(this.verdictOf(record, body), changes, record.timestamp);
  }

  /** Counts one dead letter. Needed only where the accounts are lost. */
  deadLettered(codes: readonly string[]): void {
    const reasons = RULE_CODES.filter((code) => codes.includes(code)).map((code) => ({ code }));
    this.overlay.settle({ kind: 'reject', reasons }, [], 0);
  }

  /** Counts one redelivery that was dropped. Needed only where the accounts are lost. */
  skipped(): void {
    this.overlay.settle({ kind: 'skip', rule: 'duplicate.event' }, [], 0);
  }

  /** Ends the rebuilding. `kept`: the summary of the old state, where it could be read; its accounts stay. */
  finish(nextOffset: number, kept: StateSummary | undefined): RebuiltState {
    const { base, overlay, options } = this;
    const entries = [...overlay.entryRecords()];
    overlay.fold(nextOffset);
    if (kept !== undefined) {
      base.accounting = kept.accounting;
      base.lastAppendMs = Math.max(base.lastAppendMs, kept.lastAppendMs);
    }
    base.forgottenPlacedUntilMs = latest(base.forgottenPlacedUntilMs, this.horizonMs, this.horizonOf(kept));
    base.openOrders.crowdedOutAtMs = latest(base.openOrders.crowdedOutAtMs, options.forgottenUntilMs);
    base.orderKeys.crowdedOutAtMs = latest(base.orderKeys.crowdedOutAtMs, options.forgottenUntilMs);
    base.events.crowdedOutAtMs = latest(base.events.crowdedOutAtMs, options.forgottenUntilMs);
    const summary = encodeSummary({
      accounting: base.accounting,
      nextOffset,
      lastAppendMs: base.lastAppendMs,
      forgottenPlacedUntilMs: base.forgottenPlacedUntilMs,
      openOrdersCrowdedOutAtMs: base.openOrders.crowdedOutAtMs,
      closedOrdersCrowdedOutAtMs: base.closedOrders.crowdedOutAtMs,
      orderKeysCrowdedOutAtMs: base.orderKeys.crowdedOutAtMs,
      eventsCrowdedOutAtMs: base.events.crowdedOutAtMs,
      nextEvent: base.eventRecords.next,
      rememberedEvents: base.events.size,
      rememberedOrderKeys: base.orderKeys.entries.size,
    });
    return { state: base, records: [...entries, { key: SUMMARY_KEY, value: summary }] };
  }

  /** What the old state had forgotten counts no further ahead than anything of its time may: it may not have minded that. */
  private horizonOf(kept: StateSummary | undefined): number | undefined {
    if (kept?.forgottenPlacedUntilMs === undefined) return undefined;
    return Math.min(kept.forgottenPlacedUntilMs, kept.lastAppendMs + this.options.maxAheadMs);
  }

  private addOrderChanges(body: Body, appendMs: number, changes: StateChange[]): void {
    const { event_type: type, order_id: orderId, customer_id: customerId } = body;
    if (typeof type !== 'string' || !type.startsWith('order.')) return;
    const known = this.overlay.order(String(orderId));
    const orderKey = type === 'order.placed' ? orderKeyOf(body as unknown as OrderPlaced) : undefined;
    const lifecycle = lifecycleAfter(known, type, body, appendMs, orderKey, this.options.maxAheadMs);
    if (known === undefined && lifecycle === undefined && typeof body.order_placed_at === 'string') {
      // Its order.placed is gone: everything placed until then may be.
      this.horizonMs = latest(this.horizonMs, placedAtOf(body.order_placed_at, appendMs, this.options.maxAheadMs));
    }
    const registration = type === 'order.placed' ? this.overlay.registration(String(customerId)) : '';
    orderChanges(body, lifecycle, registration, changes);
  }

  private verdictOf({ headers }: RawRecord, body: Body): Verdict {
    const named = headerText(headers, this.options.flagsHeader)?.split(',') ?? [];
    const flags = RULE_CODES.filter((code) => named.includes(code));
    return flags.some(this.options.isRepair) ? { kind: 'repair', flags, body } : { kind: 'accept', flags };
  }
}

function bodyOf({ value }: RawRecord): Body | undefined {
  if (value === null) return undefined;
  try {
    const body: unknown = JSON.parse(value.toString());
    return typeof body === 'object' && body !== null ? (body as Body) : undefined;
  } catch {
    return undefined;
  }
}

/** The latest of the times that are known. */
function latest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

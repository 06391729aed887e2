import { type OrderPlaced, RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { lifecycleAfter, orderChanges, orderKeyOf, placedAtOf } from '../rules/order-rules';
import type { Body } from '../structure/body';
import { headerText } from '../structure/envelope';
import { identityOfRecord } from '../structure/structure';
import type { RawRecord, Verdict } from '../verdict';
import { PartitionState, type StateLimits } from './partition-state';
import { countedAppendMs, StateOverlay } from './state-overlay';
import type { StateRecord } from './state-record';
import type { StateSummary } from './state-summary';
import type { StateChange } from './state-view';

export interface StateRebuildOptions {
  readonly limits: StateLimits;
  /** Header of a validated record that holds the codes of its flags. */
  readonly flagsHeader: string;
  /** Whether a flag of this rule means that the body was repaired. */
  readonly isRepair: (code: RuleCode) => boolean;
  /**
   * Append time up to which retention has removed the log, in milliseconds since the epoch: what was accepted before is
   * forgotten. Undefined: the log is complete.
   */
  readonly forgottenUntilMs: number | undefined;
  /** The clock, in milliseconds since the epoch. See `StateOverlay.advanceTo`. */
  readonly clockMs: number;
  /**
   * `lastAppendMs` of the old state, if it is readable. An append time that was ahead of the clock when its record was
   * evaluated may be behind the clock of the rebuild: no window moves past the old state's.
   */
  readonly lastAppendMs?: number | undefined;
  /**
   * `missedUntilMs` of the old state, if it is readable. Where in the log the missing records would stand is not known, so
   * it holds from the beginning on.
   */
  readonly missedUntilMs?: number | undefined;
  /** How far an order's time counts ahead of its append time, in milliseconds. See `lifecycleAfter`. */
  readonly maxAheadMs: number;
}

export interface RebuiltState {
  readonly state: PartitionState;
  /** All records of the rebuilt state for the state topic, the summary last. */
  readonly records: readonly StateRecord[];
}

/**
 * Rebuilds a partition's state from its validated log. The log is the record of verdicts: no rule runs again, and the
 * current rule settings have no effect.
 *
 * The state reaches back as far as the log. Orders that were placed earlier may have been accepted, so they lie behind
 * the horizon: events that follow them are flagged, not rejected.
 */
export class StateRebuild {
  private readonly overlay: StateOverlay;
  private readonly base: PartitionState;
  private readonly clockMs: number;
  private ignoredCount = 0;

  constructor(private readonly options: StateRebuildOptions) {
    this.base = new PartitionState(options.limits);
    const { forgottenUntilMs, clockMs, lastAppendMs = 0, missedUntilMs } = options;
    // 0: the old state has evaluated no record.
    this.clockMs = lastAppendMs > 0 ? Math.min(clockMs, lastAppendMs) : clockMs;
    this.overlay = new StateOverlay(this.base);
    for (const untilMs of [forgottenUntilMs, missedUntilMs]) if (untilMs !== undefined) this.missUntil(untilMs);
  }

  /** Records that no validator wrote. They change no state. */
  get ignored(): number {
    return this.ignoredCount;
  }

  /** Adds one validated record, in the order of the log. */
  accepted(record: RawRecord): void {
    const identity = identityOfRecord(record.headers);
    const body = bodyOf(record);
    if (identity === undefined || body === undefined) {
      this.ignoredCount++;
      return;
    }
    this.overlay.advanceTo(record.timestamp, this.clockMs);
    const changes: StateChange[] = [{ kind: 'event', identity }];
    this.addOrderChanges(body, changes);
    this.overlay.settle(this.verdictOf(record, body), changes);
  }

  /**
   * Records that cannot be read follow in the log. What they changed is forgotten.
   * @param appendMs append time of the last of them
   */
  unreadable(records: number, appendMs: number): void {
    this.missUntil(appendMs);
    // Their flags are not known.
    for (let left = records; left > 0; left--) this.overlay.settle({ kind: 'accept', flags: [] }, []);
  }

  /** Counts one dead letter. Needed only if the accounting is lost. */
  deadLettered(codes: readonly string[]): void {
    const reasons = RULE_CODES.filter((code) => codes.includes(code)).map((code) => ({ code }));
    this.overlay.settle({ kind: 'reject', reasons }, []);
  }

  /** Counts one skipped redelivery. Needed only if the accounting is lost. */
  skipped(): void {
    this.overlay.settle({ kind: 'skip', rule: 'duplicate.event' }, []);
  }

  /** Counts records that `set-position` has left out. Needed only if the accounting is lost. */
  passedOver(records: number): void {
    this.overlay.passOver(records);
  }

  /**
   * Ends the rebuild.
   * @param oldSummary summary of the old state if it is readable: its accounting continues
   */
  finish(nextOffset: number, oldSummary: StateSummary | undefined): RebuiltState {
    const { base, overlay } = this;
    const entries = [...overlay.entryRecords()];
    overlay.fold(nextOffset);
    if (oldSummary !== undefined) {
      base.accounting = oldSummary.accounting;
      base.lastAppendMs = Math.max(base.lastAppendMs, oldSummary.lastAppendMs);
      base.log = oldSummary.log;
    }
    const { orders, registrations } = base;
    orders.forgottenPlacedUntilMs = latest(orders.forgottenPlacedUntilMs, this.horizonOf(oldSummary));
    registrations.forgottenRegisteredUntilMs = latest(
      registrations.forgottenRegisteredUntilMs,
      oldSummary?.forgottenRegisteredUntilMs,
    );
    return { state: base, records: [...entries, new StateOverlay(base).summaryRecord(nextOffset)] };
  }

  /** Records up to this append time are missing behind what was added. See `StateOverlay.missUntil`. */
  missUntil(appendMs: number): void {
    this.overlay.missUntil(this.countedMs(appendMs), this.options.maxAheadMs);
  }

  /** See `countedAppendMs`. */
  countedMs(appendMs: number): number {
    return countedAppendMs(appendMs, this.clockMs);
  }

  /**
   * The old horizon, at most `maxAheadMs` ahead of the last append time: a state may have been written without that
   * limit.
   */
  private horizonOf(oldSummary: StateSummary | undefined): number | undefined {
    if (oldSummary?.forgottenPlacedUntilMs === undefined) return undefined;
    return Math.min(oldSummary.forgottenPlacedUntilMs, oldSummary.lastAppendMs + this.options.maxAheadMs);
  }

  private addOrderChanges(body: Body, changes: StateChange[]): void {
    const { event_type: type, order_id: orderId, customer_id: customerId } = body;
    if (typeof type !== 'string' || !type.startsWith('order.')) return;
    const known = this.overlay.order(String(orderId));
    const orderKey = type === 'order.placed' ? orderKeyOf(body as unknown as OrderPlaced) : undefined;
    const { overlay } = this;
    const { maxAheadMs } = this.options;
    const lifecycle = lifecycleAfter(known, type, body, overlay, orderKey, maxAheadMs);
    if (known === undefined && lifecycle === undefined && typeof body.order_placed_at === 'string') {
      // The order's order.placed is missing. Any order placed until then may be missing as well.
      overlay.forgetPlacedUntil(placedAtOf(body.order_placed_at, overlay.nowMs, maxAheadMs));
    }
    const isKnownCustomer = type !== 'order.placed' || overlay.registration(String(customerId)) !== undefined;
    orderChanges(body, lifecycle, isKnownCustomer, changes);
  }

  private verdictOf({ headers }: RawRecord, body: Body): Verdict {
    const names = headerText(headers, this.options.flagsHeader)?.split(',') ?? [];
    const flags = RULE_CODES.filter((code) => names.includes(code));
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

/** The latest of the defined times. */
function latest(...times: (number | undefined)[]): number | undefined {
  const defined = times.filter((time) => time !== undefined);
  return defined.length === 0 ? undefined : Math.max(...defined);
}

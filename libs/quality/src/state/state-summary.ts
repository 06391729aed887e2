import { RULE_CODES } from '@orderstream/contracts';
import { StateUnreadableError } from '../errors';
import { type Accounting, emptyAccounting, OUTCOMES } from './accounting';
import { decodeStateRecord, STATE_VERSION } from './state-record';

/** Key of the record that every batch writes last. */
export const SUMMARY_KEY = 'counters';

/** The totals of a partition's state, as of the batch that wrote them. */
export interface StateSummary {
  readonly accounting: Accounting;
  /** Next offset of the input after the batch. */
  readonly nextOffset: number;
  readonly lastAppendMs: number;
  /** See `StateView`. */
  readonly forgottenPlacedUntilMs: number | undefined;
  readonly openOrdersCrowdedOutAtMs: number | undefined;
  readonly closedOrdersCrowdedOutAtMs: number | undefined;
  readonly orderKeysCrowdedOutAtMs: number | undefined;
  readonly eventsCrowdedOutAtMs: number | undefined;
  /** Number of the next event identity. See `EventMemory`. */
  readonly nextEvent: number;
  readonly rememberedEvents: number;
  readonly rememberedOrderKeys: number;
}

export const encodeSummary = (summary: StateSummary): string =>
  JSON.stringify({
    v: STATE_VERSION,
    accounting: summary.accounting,
    nextOffset: summary.nextOffset,
    lastAppendMs: summary.lastAppendMs,
    forgottenPlacedUntilMs: summary.forgottenPlacedUntilMs,
    openOrdersCrowdedOutAtMs: summary.openOrdersCrowdedOutAtMs,
    closedOrdersCrowdedOutAtMs: summary.closedOrdersCrowdedOutAtMs,
    orderKeysCrowdedOutAtMs: summary.orderKeysCrowdedOutAtMs,
    eventsCrowdedOutAtMs: summary.eventsCrowdedOutAtMs,
    nextEvent: summary.nextEvent,
    rememberedEvents: summary.rememberedEvents,
    rememberedOrderKeys: summary.rememberedOrderKeys,
  } satisfies StateSummary & { readonly v: number });

/** @throws StateUnreadableError if the value is damaged or of an unknown version. */
export const decodeSummary = (value: string): StateSummary =>
  decodeStateRecord(SUMMARY_KEY, value, (fields) => {
    const counts = fields.object('accounting');
    const accounting = emptyAccounting();
    for (const name of ['input', 'flagged', ...OUTCOMES] as const) accounting[name] = counts.number(name);
    const rules = counts.object('rules');
    for (const code of RULE_CODES) {
      const times = rules.optionalNumber(code);
      if (times !== undefined) accounting.rules[code] = times;
    }
    return {
      accounting,
      nextOffset: fields.number('nextOffset'),
      lastAppendMs: fields.number('lastAppendMs'),
      forgottenPlacedUntilMs: fields.optionalNumber('forgottenPlacedUntilMs'),
      openOrdersCrowdedOutAtMs: fields.optionalNumber('openOrdersCrowdedOutAtMs'),
      closedOrdersCrowdedOutAtMs: fields.optionalNumber('closedOrdersCrowdedOutAtMs'),
      orderKeysCrowdedOutAtMs: fields.optionalNumber('orderKeysCrowdedOutAtMs'),
      eventsCrowdedOutAtMs: fields.optionalNumber('eventsCrowdedOutAtMs'),
      nextEvent: fields.number('nextEvent'),
      rememberedEvents: fields.number('rememberedEvents'),
      rememberedOrderKeys: fields.number('rememberedOrderKeys'),
    };
  });

/** As `decodeSummary`; undefined if the value cannot be read. */
export function readSummary(value: string): StateSummary | undefined {
  try {
    return decodeSummary(value);
  } catch (error) {
    if (error instanceof StateUnreadableError) return undefined;
    throw error;
  }
}

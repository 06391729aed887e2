import { RULE_CODES } from '@orderstream/contracts';
import { StateUnreadableError } from '../errors';
import { type Accounting, emptyAccounting, OUTCOMES } from './accounting';
import { decodeStateRecord, type RecordFields, STATE_VERSION } from './state-record';

/** Key of the record that every batch writes last. */
export const SUMMARY_KEY = 'counters';

/** What distinguishes the log of a state from another one of the same name. */
export interface LogMark {
  /** Id of the topic. Undefined where the broker or the client has none. */
  readonly topicId: string | undefined;
  /** Offset of the last record that was evaluated. Undefined: none was. */
  readonly lastOffset: number | undefined;
  /** Append time of that record. */
  readonly lastAppendMs: number | undefined;
}

/** The totals of a partition's state, as of the batch that wrote them. */
export interface StateSummary {
  readonly accounting: Accounting;
  /** Next offset of the input after the batch. */
  readonly nextOffset: number;
  readonly lastAppendMs: number;
  /** Undefined in a state that was written before logs were marked. */
  readonly log: LogMark | undefined;
  /** See `StateView`. Undefined also in a state that was written before it existed. */
  readonly missedUntilMs: number | undefined;
  /** See `StateView`. */
  readonly forgottenPlacedUntilMs: number | undefined;
  readonly forgottenRegisteredUntilMs: number | undefined;
  readonly openOrdersLeftAtMs: number | undefined;
  readonly closedOrdersLeftAtMs: number | undefined;
  readonly orderKeysLeftAtMs: number | undefined;
  readonly eventsLeftAtMs: number | undefined;
  readonly registrationsLeftAtMs: number | undefined;
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
    log: summary.log,
    missedUntilMs: summary.missedUntilMs,
    forgottenPlacedUntilMs: summary.forgottenPlacedUntilMs,
    forgottenRegisteredUntilMs: summary.forgottenRegisteredUntilMs,
    openOrdersLeftAtMs: summary.openOrdersLeftAtMs,
    closedOrdersLeftAtMs: summary.closedOrdersLeftAtMs,
    orderKeysLeftAtMs: summary.orderKeysLeftAtMs,
    eventsLeftAtMs: summary.eventsLeftAtMs,
    registrationsLeftAtMs: summary.registrationsLeftAtMs,
    nextEvent: summary.nextEvent,
    rememberedEvents: summary.rememberedEvents,
    rememberedOrderKeys: summary.rememberedOrderKeys,
  } satisfies StateSummary & { readonly v: number });

/** @throws StateUnreadableError if the value is damaged or of an unknown version. */
export const decodeSummary = (value: string): StateSummary =>
  decodeStateRecord(SUMMARY_KEY, value, (fields) => {
    const counts = fields.object('accounting');
    const accounting = emptyAccounting();
    for (const name of ['input', 'flagged', ...OUTCOMES] as const) {
      // A state that was written before `set-position` existed has passed nothing over.
      accounting[name] = name === 'passedOver' ? (counts.optionalNumber(name) ?? 0) : counts.number(name);
    }
    const rules = counts.object('rules');
    for (const code of RULE_CODES) {
      const times = rules.optionalNumber(code);
      if (times !== undefined) accounting.rules[code] = times;
    }
    return {
      accounting,
      nextOffset: fields.number('nextOffset'),
      lastAppendMs: fields.number('lastAppendMs'),
      log: fields.has('log') ? logMarkOf(fields.object('log')) : undefined,
      missedUntilMs: fields.optionalNumber('missedUntilMs'),
      forgottenPlacedUntilMs: fields.optionalNumber('forgottenPlacedUntilMs'),
      forgottenRegisteredUntilMs: fields.optionalNumber('forgottenRegisteredUntilMs'),
      openOrdersLeftAtMs: fields.optionalNumber('openOrdersLeftAtMs'),
      closedOrdersLeftAtMs: fields.optionalNumber('closedOrdersLeftAtMs'),
      orderKeysLeftAtMs: fields.optionalNumber('orderKeysLeftAtMs'),
      eventsLeftAtMs: fields.optionalNumber('eventsLeftAtMs'),
      registrationsLeftAtMs: fields.optionalNumber('registrationsLeftAtMs'),
      nextEvent: fields.number('nextEvent'),
      rememberedEvents: fields.number('rememberedEvents'),
      rememberedOrderKeys: fields.number('rememberedOrderKeys'),
    };
  });

const logMarkOf = (fields: RecordFields): LogMark => ({
  topicId: fields.has('topicId') ? fields.text('topicId') : undefined,
  lastOffset: fields.optionalNumber('lastOffset'),
  lastAppendMs: fields.optionalNumber('lastAppendMs'),
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

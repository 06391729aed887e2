import { RULE_CODES } from '@orderstream/contracts';
import { StateUnreadableError } from '../errors';
import { isOrderState } from '../lifecycle';
import { type Accounting, emptyAccounting, OUTCOMES } from './accounting';
import type { OrderLifecycle } from './state-view';

/** Version of every record of the state topic. A reader rejects the versions that it does not know. */
const STATE_VERSION = 2;

export const LIFECYCLE_PREFIX = 'lifecycle/';
export const REGISTRATION_PREFIX = 'registration/';
export const EVENTS_PREFIX = 'events/';
export const SUMMARY_KEY = 'counters';

/** One record of the state topic; null is a tombstone. */
export interface StateRecord {
  readonly key: string;
  readonly value: string | null;
}

/** What a partition's state says of itself as a whole. */
export interface StateSummary {
  readonly accounting: Accounting;
  /** The input's next offset after the batch that this was written with. */
  readonly nextOffset: number;
  readonly lastAppendMs: number;
  readonly forgottenPlacedUntilMs: number | undefined;
  readonly openOrdersCrowdedOutAtMs: number | undefined;
  readonly closedOrdersCrowdedOutAtMs: number | undefined;
  readonly orderKeysCrowdedOutAtMs: number | undefined;
  readonly eventsCrowdedOutAtMs: number | undefined;
  /** Number of the next event identity; those remembered are the last ones below it. See `EventRecords`. */
  readonly nextEvent: number;
  readonly rememberedEvents: number;
  readonly rememberedOrderKeys: number;
}

/** Consecutive event identities with their append times. */
export interface EventsRecord {
  /** Append time of the first, in milliseconds since the epoch. */
  readonly firstMs: number;
  /** Two numbers for neighbours with the same time: milliseconds after `firstMs`, how many. */
  readonly runs: readonly number[];
  /** Oldest first. */
  readonly identities: readonly string[];
}

interface Kinds {
  readonly lifecycle: OrderLifecycle;
  readonly registration: { readonly registeredAt: string };
  readonly events: EventsRecord;
  readonly summary: StateSummary;
  readonly unknown: never;
}

/** Hot: one per accepted order event. Every part is free of characters that JSON escapes. */
export const encodeLifecycle = (order: OrderLifecycle): string =>
  `{"v":${STATE_VERSION.toString()},"state":"${order.state}","updatedAtMs":${order.updatedAtMs.toString()},"placedAtMs":${order.placedAtMs.toString()},"appendedAtMs":${order.appendedAtMs.toString()},"orderKey":"${order.orderKey}"}`;

export const encodeRegistration = (registeredAt: string): string => JSON.stringify({ v: STATE_VERSION, registeredAt });

export const encodeEvents = (events: EventsRecord): string => JSON.stringify({ v: STATE_VERSION, ...events });

export const encodeSummary = (summary: StateSummary): string => JSON.stringify({ v: STATE_VERSION, ...summary });

/** The summary in a record's value; undefined when it cannot be read. */
export function readSummary(value: string): StateSummary | undefined {
  try {
    return decodeStateRecord('summary', SUMMARY_KEY, value);
  } catch (error) {
    if (error instanceof StateUnreadableError) return undefined;
    throw error;
  }
}

/**
 * Reads a record of the state topic.
 * @throws StateUnreadableError when it is damaged, of an unknown kind or of an unknown version.
 */
export function decodeStateRecord<K extends keyof Kinds>(kind: K, key: string, value: string): Kinds[K] {
  try {
    const fields = new Fields(value);
    const decoder: Decoder<K> | undefined = DECODERS[kind];
    if (decoder === undefined) throw new TypeError('its kind is unknown');
    return decoder(fields);
  } catch (cause) {
    throw new StateUnreadableError(key, cause);
  }
}

type Decoder<K extends keyof Kinds> = (fields: Fields) => Kinds[K];

const DECODERS: { readonly [K in keyof Kinds]: Decoder<K> | undefined } = {
  lifecycle: (fields) => {
    const state = fields.text('state');
    if (!isOrderState(state)) throw new TypeError(`an order cannot be ${state}`);
    return {
      state,
      updatedAtMs: fields.number('updatedAtMs'),
      placedAtMs: fields.number('placedAtMs'),
      appendedAtMs: fields.number('appendedAtMs'),
      orderKey: fields.text('orderKey'),
    };
  },
  registration: (fields) => ({ registeredAt: fields.text('registeredAt') }),
  events: (fields) => {
    const runs = fields.list('runs', isNumber);
    const identities = fields.list('identities', isString);
    let count = 0;
    for (let run = 0; run < runs.length; run += 2) count += runs[run + 1] ?? NaN;
    if (count !== identities.length) throw new TypeError('its runs do not fit its identities');
    return { firstMs: fields.number('firstMs'), runs, identities };
  },
  summary: (fields) => {
    const counts = fields.object('accounting');
    const accounting = emptyAccounting();
    for (const outcome of ['input', 'flagged', ...OUTCOMES] as const) accounting[outcome] = counts.number(outcome);
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
  },
  unknown: undefined,
};

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Typed access to a JSON object. Each getter throws a TypeError that names the field. */
class Fields {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(source: unknown) {
    const isText = typeof source === 'string';
    const parsed: unknown = isText ? JSON.parse(source) : source;
    if (typeof parsed !== 'object' || parsed === null) throw new TypeError('it is not an object');
    this.values = parsed as Readonly<Record<string, unknown>>;
    if (isText && this.values.v !== STATE_VERSION) throw new TypeError(`its version is ${String(this.values.v)}`);
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string') throw new TypeError(`${name} is not a string`);
    return value;
  }

  number(name: string): number {
    const value = this.optionalNumber(name);
    if (value === undefined) throw new TypeError(`${name} is missing`);
    return value;
  }

  optionalNumber(name: string): number | undefined {
    const value = this.values[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw new TypeError(`${name} is not a number`);
    return value;
  }

  list<T>(name: string, isItem: (item: unknown) => item is T): readonly T[] {
    const value: unknown = this.values[name];
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    const items: readonly unknown[] = value;
    if (!items.every(isItem)) throw new TypeError(`${name} has an item of another kind`);
    return items;
  }

  object(name: string): Fields {
    return new Fields(this.values[name] ?? {});
  }
}

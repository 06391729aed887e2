import type { EventColumn } from './columns';
import type { Family } from './families';
import { columnsOf, Identifier, OneOf, Timestamp } from './fields';

/** What one event type promises. Nullable columns may be added; anything else is a new version in a `.v2` topic. */
export interface EventContract {
  readonly type: string;
  readonly family: Family;
  readonly version: 1;
  /** The body's field that is the record's Kafka key. */
  readonly keyField: string;
  readonly columns: readonly EventColumn[];
  readonly eventClass: new () => object;
  readonly description: string;
}

/** What every body has. They must agree with the envelope: `ce_id`, `ce_type`, `ce_time`. */
export abstract class MarketplaceEvent {
  @Identifier('Id of the event, unique within its source: the same id again is a redelivery. Equals ce_id.')
  readonly event_id: string;

  @Timestamp('When it happened, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day.')
  readonly occurred_at: string;
}

const contracts = new Map<new () => object, EventContract>();
const LEADING = ['event_id', 'event_type', 'occurred_at'];

interface EventSpec<T extends string, K extends string> {
  readonly type: T;
  readonly family: Family;
  readonly key: K;
  readonly description: string;
}

/** Declares a class as the contract of an event type: `type` must be the type of its `event_type`, `key` one of its fields. */
export function Event<const T extends string, const K extends string>(
  spec: EventSpec<T, K>,
): (eventClass: new () => MarketplaceEvent & Readonly<{ event_type: T } & Record<K, string>>) => void {
  return (eventClass) => {
    const prototype = eventClass.prototype as { event_type: T };
    OneOf([spec.type], 'Event type. Equals ce_type.')(prototype, 'event_type');
    const columns = columnsOf(prototype);
    contracts.set(eventClass, {
      type: spec.type,
      family: spec.family,
      version: 1,
      keyField: spec.key,
      columns: [
        ...LEADING.flatMap((name) => columns.filter((column) => column.name === name)),
        ...columns.filter((column) => !LEADING.includes(column.name)),
      ],
      eventClass,
      description: spec.description,
    });
  };
}

/** The contract that `@Event` declared on a class. */
export function contractOf(eventClass: new () => object): EventContract {
  const contract = contracts.get(eventClass);
  if (contract === undefined) throw new TypeError(`${eventClass.name} has no @Event`);
  return contract;
}

import type { EventColumn } from './columns';
import type { Family } from './families';
import { columnsOf, Identifier, OneOf, Timestamp } from './fields';

/**
 * The contract of one event type. Nullable columns may be added. Any other change is a new version in a `.v2` topic.
 */
export interface EventContract {
  readonly type: string;
  readonly family: Family;
  readonly version: 1;
  /** Field of the body that is the Kafka key of the record. */
  readonly keyField: string;
  readonly columns: readonly EventColumn[];
  readonly eventClass: new () => object;
  readonly description: string;
}

/** The fields of every body. They must equal `ce_id`, `ce_type` and `ce_time` of the envelope. */
export abstract class MarketplaceEvent {
  @Identifier(
    'Id of the event, unique within its source. A record with the same source and id is a redelivery. Equals ce_id.',
  )
  readonly event_id: string;

  @Timestamp(
    'When the event occurred, by the clock of the producer. Equals ce_time. Tables are partitioned by its UTC day.',
  )
  readonly occurred_at: string;
}

const contracts = new Map<new () => object, EventContract>();
/** The fields of every body, in the order of the columns. */
export const COMMON_FIELDS: readonly string[] = ['event_id', 'event_type', 'occurred_at'];

interface EventSpec<T extends string, K extends string> {
  readonly type: T;
  readonly family: Family;
  readonly key: K;
  readonly description: string;
}

/**
 * Declares a class as the contract of an event type. `type` must equal its `event_type`; `key` must be one of its
 * fields.
 */
export function Event<const T extends string, const K extends string>(
  spec: EventSpec<T, K>,
): (eventClass: new () => MarketplaceEvent & Readonly<{ event_type: T } & Record<K, string>>) => void {
  return (eventClass) => {
    const prototype = eventClass.prototype as { event_type: T };
    OneOf([spec.type], 'Type of the event. Equals ce_type.')(prototype, 'event_type');
    const columns = columnsOf(prototype);
    contracts.set(eventClass, {
      type: spec.type,
      family: spec.family,
      version: 1,
      keyField: spec.key,
      columns: [
        ...COMMON_FIELDS.flatMap((name) => columns.filter((column) => column.name === name)),
        ...columns.filter((column) => !COMMON_FIELDS.includes(column.name)),
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

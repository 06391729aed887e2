import { contractOf, type EventContract } from './event';
import { CATALOG_EVENTS } from './events/catalog';
import { CUSTOMER_EVENTS } from './events/customers';
import { INTERACTION_EVENTS } from './events/interactions';
import { ORDER_EVENTS } from './events/orders';
import type { Family } from './families';

const EVENT_CLASSES = [...ORDER_EVENTS, ...INTERACTION_EVENTS, ...CATALOG_EVENTS, ...CUSTOMER_EVENTS] as const;

/** The body of any event, discriminated by `event_type`. */
export type AnyEvent = InstanceType<(typeof EVENT_CLASSES)[number]>;
export type EventType = AnyEvent['event_type'];

/** All contracts by event type, in the order of the families. */
export const EVENT_CONTRACTS: ReadonlyMap<string, EventContract> = new Map(
  EVENT_CLASSES.map((eventClass) => {
    const contract = contractOf(eventClass);
    return [contract.type, contract];
  }),
);

export const contractsOfFamily = (family: Family): readonly EventContract[] =>
  [...EVENT_CONTRACTS.values()].filter((contract) => contract.family === family);

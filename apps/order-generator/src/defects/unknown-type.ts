import { CE, type EventType } from '@orderstream/contracts';
import { type Draft } from '../simulation/record';
import { anyEvent, damaged, type Damage, type Defect, order } from './defect';

const UNKNOWN = 'reject:structure.unknown_type';

/** The event with another type, in envelope and body. */
const retyped = ({ body, headers }: Draft, type: string): Damage => ({
  value: Buffer.from(JSON.stringify({ ...body, event_type: type })),
  headers: { ...headers, [CE.type]: type },
});

const FOREIGN: EventType = 'product.listed';

/** Types without a contract in the topic's family. */
export const UNKNOWN_TYPE_DEFECTS: readonly Defect[] = [
  damaged({ name: 'type.unknown', expected: UNKNOWN, weight: 2 }, anyEvent, (event) =>
    retyped(event, 'order.teleported'),
  ),
  damaged({ name: 'type.unknown_version', expected: UNKNOWN }, anyEvent, (event) => retyped(event, `${event.type}.v2`)),
  damaged({ name: 'type.of_another_family', expected: UNKNOWN }, order, (event) => retyped(event, FOREIGN)),
  damaged({ name: 'type.prototype_member', expected: UNKNOWN }, anyEvent, (event) => retyped(event, 'constructor')),
];

import { CE, type EventType } from '@orderstream/contracts';
import { type Draft } from '../simulation/record';
import { anyEvent, damaged, type Damage, type Defect, order } from './defect';

const UNKNOWN = 'reject:structure.unknown_type';

/** The event under another type, in the envelope as in the body. */
const retyped = ({ body, headers }: Draft, type: string): Damage => ({
  value: Buffer.from(JSON.stringify({ ...body, event_type: type })),
  headers: { ...headers, [CE.type]: type },
});

const FOREIGN: EventType = 'product.listed';

/** Types that no contract of the topic's family knows. */
export const UNKNOWN_TYPE_DEFECTS: readonly Defect[] = [
  damaged({ name: 'type.unknown', expected: UNKNOWN, weight: 2 }, anyEvent, (event) =>
    retyped(event, 'order.teleported'),
  ),
  damaged({ name: 'type.unknown_version', expected: UNKNOWN }, anyEvent, (event) => retyped(event, `${event.type}.v2`)),
  damaged({ name: 'type.of_another_family', expected: UNKNOWN }, order, (event) => retyped(event, FOREIGN)),
  damaged({ name: 'type.prototype_member', expected: UNKNOWN }, anyEvent, (event) => retyped(event, 'constructor')),
];

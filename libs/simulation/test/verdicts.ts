import { type EventCursor } from '../src';
import { meetsContract, Validator } from './validator';

/** Evaluates the first events of a segment. `wrong` are those that are not accepted, or are flagged. */
export function notAccepted(cursor: EventCursor, events: number) {
  const validator = new Validator();
  const wrong: string[] = [];
  const types = new Map<string, number>();
  const ids = new Set<string>();
  let lastMicros = 0;
  for (let count = 0; count < events; count++) {
    const event = cursor.next();
    if (event === undefined) break;
    types.set(event.type, (types.get(event.type) ?? 0) + 1);
    ids.add(event.body.event_id);
    const verdict = validator.evaluateEvent(event);
    if (verdict.kind !== 'accept' || verdict.flags.length > 0) {
      wrong.push(`${event.n} ${event.type} ${JSON.stringify(verdict)} ${JSON.stringify(event.body)}`);
    }
    if (!meetsContract(event)) wrong.push(`${event.n} breaks its contract: ${JSON.stringify(event.body)}`);
    if (event.emittedMicros < lastMicros) wrong.push(`${event.n} is emitted before the event before it`);
    if (event.emittedMicros < event.occurredMicros) wrong.push(`${event.n} is emitted before it occurs`);
    lastMicros = event.emittedMicros;
  }
  return { wrong, types, ids: ids.size };
}

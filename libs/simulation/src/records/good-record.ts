import { partitionFor, SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { encodeBody, type NumberedEvent } from '../simulated-event';
import { goodIntent } from './expected-verdict';
import { type SimulatedRecord } from './simulated-record';

/**
 * The record of an event as it is.
 *
 * Hot: once for each event. It adds the id to the event's own headers, because a copy of them takes as long as the rest.
 */
export function goodRecord(event: NumberedEvent, simulationId: string): SimulatedRecord {
  const { n, family, emittedMicros } = event;
  const key = Buffer.from(event.key, 'latin1');
  const headers: Record<string, string> = event.headers;
  headers[SIMULATION_ID_HEADER] = simulationId;
  return {
    n,
    copy: 0,
    family,
    partition: partitionFor(key),
    key,
    value: encodeBody(event),
    headers,
    emittedMicros,
    intent: goodIntent(event.occurredMicros),
  };
}

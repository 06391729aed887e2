import { partitionFor } from '@orderstream/contracts';
import { encodeBody, type NumberedEvent } from '../simulated-event';
import { goodIntent } from './expected-verdict';
import { SIMULATION_ID_HEADER, type SimulatedRecord } from './simulated-record';

/** The record of an event as it is. */
export function goodRecord(event: NumberedEvent, segmentId: string): SimulatedRecord {
  const { n, family, emittedMicros } = event;
  const key = Buffer.from(event.key, 'latin1');
  return {
    n,
    copy: 0,
    family,
    partition: partitionFor(key),
    key,
    value: encodeBody(event),
    headers: { ...event.headers, [SIMULATION_ID_HEADER]: `${segmentId}:${n}.0` },
    emittedMicros,
    intent: goodIntent(event.occurredMicros),
  };
}

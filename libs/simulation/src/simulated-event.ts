import { type AnyEvent, envelopeHeaders, type EventType, type Family } from '@orderstream/contracts';

/** An event, ready to be encoded. */
export interface SimulatedEvent {
  readonly family: Family;
  readonly type: EventType;
  /** Key of the record. */
  readonly key: string;
  /** Microseconds since 1970. */
  readonly occurredMicros: number;
  /** When it is sent, microseconds since 1970: later than it occurred if it is late. */
  readonly emittedMicros: number;
  /** The envelope. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AnyEvent;
}

/** An event of a cursor, with its number in the segment, from 0. */
export type NumberedEvent = SimulatedEvent & { readonly n: number };

/** The value of the record. */
export const encodeBody = ({ body }: SimulatedEvent): Buffer => Buffer.from(JSON.stringify(body));

interface Placement {
  readonly source: string;
  readonly key: string;
  readonly occurredMicros: number;
  readonly emittedMicros: number;
  readonly traceparent?: string;
}

/** Adds key and envelope to a body. */
export function simulatedEvent(family: Family, body: AnyEvent, placement: Placement): SimulatedEvent {
  const { source, key, occurredMicros, emittedMicros, traceparent } = placement;
  return {
    family,
    type: body.event_type,
    key,
    occurredMicros,
    emittedMicros,
    headers: envelopeHeaders({
      id: body.event_id,
      type: body.event_type,
      source,
      time: body.occurred_at,
      subject: key,
      traceparent,
    }),
    body,
  };
}

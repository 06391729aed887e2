import {
  type AnyEvent,
  CE,
  envelopeHeaders,
  type Family,
  PARTITIONS,
  partitionFor,
  SIMULATION_ID_HEADER,
} from '@orderstream/contracts';
import { type NumberedEvent } from '../../simulated-event';
import { timestamp } from '../../time/timestamps';
import { type Intent, type SimulatedRecord } from '../simulated-record';

// Constants: a look-up of `Math` is slow where tests run.
const { max } = Math;

export type Headers = Record<string, string | Buffer>;

/** A record that is still being made. First its body is edited, then `seal` writes the envelope, then anything is. */
export interface Draft {
  readonly family: Family;
  readonly source: string;
  body: Record<string, unknown>;
  key: string | null;
  headers: Headers;
  /** Added to the partition of the key. */
  partitionShift: number;
  /** The value, from the body as JSON. */
  write: (json: string) => string | Buffer | null;
  occurredMicros: number;
  /** The latest time of the body, as the rules see it. */
  latestMicros: number;
}

const asItIs = (json: string): string => json;

/** A draft of an event that nobody has sent. */
export function newDraft(family: Family, body: AnyEvent, key: string, source: string, occurredMicros: number): Draft {
  const headers: Headers = {};
  return {
    family,
    source,
    body: Object.assign<Record<string, unknown>, AnyEvent>({}, body),
    key,
    headers,
    partitionShift: 0,
    write: asItIs,
    occurredMicros,
    latestMicros: occurredMicros,
  };
}

/** A draft of an event of the segment under another id. */
export function draftOf(event: NumberedEvent, eventId: string): Draft {
  const { family, body, key, headers, occurredMicros } = event;
  const draft = newDraft(family, body, key, headers[CE.source] ?? '', occurredMicros);
  draft.body.event_id = eventId;
  return draft;
}

/** Moves the event to another time. */
export function occurAt(draft: Draft, micros: number): void {
  draft.occurredMicros = micros;
  draft.latestMicros = max(draft.latestMicros, micros);
  draft.body.occurred_at = timestamp(micros);
}

/** Sets another time of the body. */
export function setTime(draft: Draft, field: 'order_placed_at' | 'customer_registered_at', micros: number): void {
  draft.latestMicros = max(draft.latestMicros, micros);
  draft.body[field] = timestamp(micros);
}

/** Writes the envelope from the body. */
export function seal(draft: Draft, simulationId: string): void {
  const { event_id, event_type, occurred_at } = draft.body;
  draft.headers = envelopeHeaders({
    id: String(event_id),
    type: String(event_type),
    source: draft.source,
    time: String(occurred_at),
    ...(draft.key !== null && { subject: draft.key }),
  });
  draft.headers[SIMULATION_ID_HEADER] = simulationId;
}

/** The record of a sealed draft. */
export function recordOf(
  draft: Draft,
  at: Pick<SimulatedRecord, 'n' | 'copy' | 'emittedMicros'>,
  intent: Intent,
): SimulatedRecord {
  const { family, headers, partitionShift } = draft;
  const key = draft.key === null ? null : Buffer.from(draft.key);
  const value = draft.write(JSON.stringify(draft.body));
  return {
    n: at.n,
    copy: at.copy,
    family,
    partition: key === null ? at.n % PARTITIONS : (partitionFor(key) + partitionShift) % PARTITIONS,
    key,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers,
    emittedMicros: at.emittedMicros,
    intent,
  };
}

import { hash } from 'node:crypto';
import {
  envelopeHeaders,
  EVENT_CONTRACTS,
  type EventType,
  type ExpectedOutcome,
  type Family,
  LEDGER_SEQ_HEADER,
} from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import { type Identities } from './identity';

/** The body of an event before it is encoded as JSON. */
export type Body = Readonly<Record<string, unknown>>;

/** A record of the sequence with the outcome that the pipeline must give it. */
export interface SimulatedRecord {
  readonly seq: number;
  readonly family: Family;
  readonly partition: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the planted defect, or null. */
  readonly defect: string | null;
  readonly expected: ExpectedOutcome;
}

const NOTHING = Buffer.alloc(0);

/** The ledger's hash of a record: sha256 hex of the value's bytes, of no bytes for a tombstone. */
export const valueHash = ({ value }: Pick<SimulatedRecord, 'value'>): string => hash('sha256', value ?? NOTHING);

/** An event before it is encoded. */
export interface Draft {
  readonly seq: number;
  readonly type: EventType;
  readonly family: Family;
  readonly key: string;
  readonly occurredAtMs: number;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_CACHED_PARTITIONS = 100_000;
const partitions = new Map<string, number>();

/** `partitionFor` with a cache, because keys repeat. */
export function partitionOf(key: string): number {
  let partition = partitions.get(key);
  if (partition === undefined) {
    if (partitions.size >= MAX_CACHED_PARTITIONS) partitions.clear();
    partition = partitionFor(key);
    partitions.set(key, partition);
  }
  return partition;
}

const FAMILY_OF = new Map([...EVENT_CONTRACTS].map(([type, { family }]) => [type, family]));

/** Adds the envelope to an event. */
export function draft(
  identities: Identities,
  source: string,
  event: {
    readonly seq: number;
    readonly type: EventType;
    readonly key: string;
    readonly occurredAtMs: number;
    readonly fields: Body;
  },
): Draft {
  const { seq, type, key, occurredAtMs, fields } = event;
  const { eventId, traceparent } = identities.event(seq);
  const time = new Date(occurredAtMs).toISOString();
  const headers = envelopeHeaders({ id: eventId, type, source, time, subject: key, traceparent });
  headers[LEDGER_SEQ_HEADER] = seq.toString();
  return {
    seq,
    type,
    family: FAMILY_OF.get(type) ?? 'orders',
    key,
    occurredAtMs,
    body: { event_id: eventId, event_type: type, occurred_at: time, ...fields },
    headers,
  };
}

/** The ledger's description of a record. */
export type Expectation = Pick<SimulatedRecord, 'defect' | 'expected'>;

const GOOD: Expectation = { defect: null, expected: 'accept' };

/** Encodes an event by its contract. */
export function encode(event: Draft, expectation: Expectation = GOOD): SimulatedRecord {
  return {
    seq: event.seq,
    family: event.family,
    partition: partitionOf(event.key),
    key: event.key,
    value: Buffer.from(JSON.stringify(event.body)),
    headers: event.headers,
    ...expectation,
  };
}

/** Header names of a CloudEvents 1.0 record in Kafka binary mode (Kafka protocol binding, section 3.2). */
export const CE = {
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  subject: 'ce_subject',
  specversion: 'ce_specversion',
  contentType: 'content-type',
  traceparent: 'traceparent',
  /** Of an event that a replay edited: the id of the event that it replaces. */
  causationId: 'ce_causationid',
} as const;

export const CE_SPECVERSION = '1.0';
const CONTENT_TYPE = 'application/json';

/** Longest `ce_source`, in bytes. The state holds the source of every remembered event. */
export const MAX_SOURCE_BYTES = 1_024;

/** Longest `dlq-detail`, in bytes. */
export const MAX_DETAIL_BYTES = 2_048;

/** Headers that the validator adds to validated records. */
export const QUALITY_HEADERS = {
  /** Codes of the rules that flagged or repaired the record, separated by commas. Absent if there are none. */
  flags: 'quality-flags',
  /** Catalog offsets up to which the catalog was read when the record was evaluated, as JSON. Orders only. */
  catalogPosition: 'quality-catalog-position',
  /** Version of the rule settings that evaluated the record. */
  settings: 'quality-settings',
} as const;

/** Headers that a dead letter adds to those of its record. Times are RFC 3339 UTC. */
export const DLQ_HEADERS = {
  /** The first code, in the order of the rules. */
  reason: 'dlq-reason',
  /** JSON `[{code, path, constraint}]`, at most `MAX_DETAIL_BYTES`. */
  detail: 'dlq-detail',
  app: 'dlq-app',
  sourceTopic: 'dlq-source-topic',
  sourcePartition: 'dlq-source-partition',
  sourceOffset: 'dlq-source-offset',
  sourceTimestamp: 'dlq-source-timestamp',
  failedAt: 'dlq-failed-at',
  firstFailedAt: 'dlq-first-failed-at',
  /** How many times the record has failed, from 1. */
  attempt: 'dlq-attempt',
  /** 16 hex digits, the same for similar failures. */
  fingerprint: 'dlq-fingerprint',
  /** JSON `{value|headers|key: original bytes}` of what was cut to fit the topic. Absent when the record is complete. */
  cut: 'dlq-cut',
  /**
   * JSON with the offsets and the number of the records of a skipped batch. The value is then the batch as it was
   * compressed, and no record: it is not replayed unless a person edits it.
   */
  batch: 'dlq-batch',
  /** JSON `{plan, letter, origin}` of the replay that returned the record before it failed again. */
  replay: 'dlq-replay',
} as const;

export interface Envelope {
  readonly id: string;
  readonly type: string;
  /** URI reference of the producer. */
  readonly source: string;
  /** RFC 3339 UTC. */
  readonly time: string;
  /** Subject of the event: the record's key. */
  readonly subject?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
}

/** The record headers of this envelope. All values are ASCII or UTF-8 text. */
export function envelopeHeaders(envelope: Envelope): Record<string, string> {
  const headers: Record<string, string> = {
    [CE.specversion]: CE_SPECVERSION,
    [CE.id]: envelope.id,
    [CE.type]: envelope.type,
    [CE.source]: envelope.source,
    [CE.time]: envelope.time,
    [CE.contentType]: CONTENT_TYPE,
  };
  if (envelope.subject !== undefined) headers[CE.subject] = envelope.subject;
  if (envelope.traceparent !== undefined) headers[CE.traceparent] = envelope.traceparent;
  return headers;
}

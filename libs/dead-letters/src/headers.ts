import { DLQ_HEADERS } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, type KafkaRecord, type RecordHeaders } from '@orderstream/kafka';

const DLQ_NAMES: ReadonlySet<string> = new Set(Object.values(DLQ_HEADERS));

/** The headers of the record itself, in their order. */
const ownFields = (headers: RecordHeaders): readonly HeaderField[] =>
  headerFields(headers).filter(([name]) => !DLQ_NAMES.has(name));

/** The headers without `DLQ_HEADERS`, in their order. The map has no prototype: `constructor` is a valid header name. */
export const withoutDeadLetterHeaders = (headers: RecordHeaders): RecordHeaders => headersOf(ownFields(headers));

/** The headers with these `DLQ_HEADERS` behind them, in place of any that they have. */
export function withDeadLetterHeaders(headers: RecordHeaders, added: Readonly<Record<string, string>>): RecordHeaders {
  return headersOf([...ownFields(headers), ...Object.entries(added)]);
}

/** The `DLQ_HEADERS` of a dead letter, without the headers of its record. */
export const onlyDeadLetterHeaders = (headers: RecordHeaders): RecordHeaders =>
  headersOf(headerFields(headers).filter(([name]) => DLQ_NAMES.has(name)));

/** The headers of a dead letter, with `dlq-cut` behind them. */
export const withCutHeader = (headers: RecordHeaders, cut: Readonly<Record<string, number>>): RecordHeaders =>
  headersOf([
    ...headerFields(headers).filter(([name]) => name !== DLQ_HEADERS.cut),
    [DLQ_HEADERS.cut, JSON.stringify(cut)],
  ]);

/** Bytes of the names and values of the record's own headers. */
export function recordHeaderBytes(headers: RecordHeaders): number {
  let bytes = 0;
  for (const [name, value] of ownFields(headers)) {
    bytes += Buffer.byteLength(name) + (value === null ? 0 : Buffer.byteLength(value));
  }
  return bytes;
}

/** The text of a header; undefined when the header is absent or repeated. */
export function headerText(headers: RecordHeaders, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}

/** The integer of a header, from `min` to 2^53 - 1; undefined for any other content. */
export function headerInteger(headers: RecordHeaders, name: string, min: number): number | undefined {
  const text = headerText(headers, name);
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= min ? value : undefined;
}

const RFC_3339_UTC = /^[+-]?\d{4,6}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

/** The RFC 3339 UTC time of a header; undefined for any other content. */
export function headerTime(headers: RecordHeaders, name: string): Date | undefined {
  const text = headerText(headers, name);
  if (text === undefined || !RFC_3339_UTC.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** Topic, partition, offset and timestamp of a record. */
export interface Coordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: Date;
}

/** The coordinates in the `dlq-source-*` headers; undefined when one of them is absent or invalid. */
export function sourceOf(headers: RecordHeaders): Coordinates | undefined {
  const topic = headerText(headers, DLQ_HEADERS.sourceTopic);
  const partition = headerInteger(headers, DLQ_HEADERS.sourcePartition, 0);
  const offset = headerInteger(headers, DLQ_HEADERS.sourceOffset, 0);
  const timestamp = headerTime(headers, DLQ_HEADERS.sourceTimestamp);
  if (topic === undefined || partition === undefined || offset === undefined || timestamp === undefined) {
    return undefined;
  }
  return { topic, partition, offset, timestamp };
}

/** Largest distance of a Date from the epoch, in milliseconds. */
const MAX_TIME_MS = 8.64e15;

export function coordinatesOf(record: KafkaRecord): Coordinates {
  const timestamp = new Date(Math.max(-MAX_TIME_MS, Math.min(MAX_TIME_MS, record.timestamp)));
  return { topic: record.topic, partition: record.partition, offset: record.offset, timestamp };
}

/** A record batch that was left out of the log. */
export interface SkippedBatch {
  /** Of the records that were left out. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly records: number;
  /** Of the batch: below `firstOffset` when its beginning was read. */
  readonly baseOffset: number;
  /** Size of the batch as it was compressed. The value has fewer bytes when it was cut. */
  readonly bytes: number;
}

/** The mark of a replay, on the record that it returned: it stays on the dead letter if the record fails again. */
export interface ReplayMark {
  /** Id of the plan. */
  readonly plan: string;
  /** `<partition>/<offset>` of the letter that was returned. */
  readonly letter: string;
  /** Source offset of the record in its first attempt: what the order of a partition's letters goes by. */
  readonly origin: number;
}

/** Longest `dlq-replay`, in bytes: any program can write to a raw topic. */
const MAX_REPLAY_BYTES = 256;

export const replayHeader = ({ plan, letter, origin }: ReplayMark): string => JSON.stringify({ plan, letter, origin });

/** The header `dlq-replay` as a replay writes it; undefined for any other content. */
export function replayHeaderOf(headers: RecordHeaders): string | undefined {
  const mark = replayOf(headers);
  return mark === undefined ? undefined : replayHeader(mark);
}

export function replayOf(headers: RecordHeaders): ReplayMark | undefined {
  const text = headerText(headers, DLQ_HEADERS.replay);
  if (text === undefined || text.length > MAX_REPLAY_BYTES) return undefined;
  try {
    const { plan, letter, origin } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof plan !== 'string' || typeof letter !== 'string' || !Number.isSafeInteger(origin)) return undefined;
    return { plan, letter, origin: origin as number };
  } catch {
    // Not one of ours.
    return undefined;
  }
}

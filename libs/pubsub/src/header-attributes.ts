import { isUtf8 } from 'node:buffer';

import { varintLength, writeVarint } from '@orderstream/varint';

import { LIMITS } from './message';

/** Headers of a Kafka record. A repeated name has an array of values, and a value may be null. */
export type Headers = Readonly<Record<string, unknown>>;

/** Where a record is in Kafka; every message carries it. */
export interface RecordCoordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const COORDINATES = { topic: 'kafka_topic', partition: 'kafka_partition', offset: 'kafka_offset' } as const;
const OVERFLOW_PREFIX = 'kafka_headers_';
const CE_HEADER = 'ce_';
const CE_ATTRIBUTE = 'ce-';

/** Attributes left for headers. */
const HEADER_ATTRIBUTES = LIMITS.attributesPerMessage - Object.keys(COORDINATES).length;
/** Bound of the cache of attribute names: producers may send any number of header names. */
const MAX_CACHED_NAMES = 1_000;

type OverflowHeader = readonly [name: Buffer, value: Buffer | null];

/**
 * Maps Kafka headers to Pub/Sub attributes without loss.
 *
 * `ce_<name>` becomes `ce-<name>` (CloudEvents: Google Cloud Pub/Sub protocol binding, 3.1.3.1; `content-type` stays as
 * it is). Other names are unchanged. A header that does not fit into an attribute moves to the overflow attributes
 * `kafka_headers_0`, `kafka_headers_1`, …: their concatenated values are the base64 of the headers, each as a record of
 * Kafka holds it (Apache Kafka documentation, "Message Format", record header). These headers do not fit: a repeated
 * header; a value that is null, not UTF-8 or above 1,024 bytes; a name that is empty, above 256 bytes, starts with `goog`,
 * or is the attribute name of another header. With more attributes than a message may have, the smallest ones move to the
 * overflow as well.
 *
 * The overflow holds 74,496 bytes, with 2 to 6 bytes for the lengths of a header. The validator accepts 65,536 bytes and
 * counts 16 for each header, so every accepted header list fits, with room for the headers that services add.
 */
export class HeaderAttributes {
  private readonly names = new Map<string, Buffer | undefined>();
  private readonly coordinateNames = {
    topic: Buffer.from(COORDINATES.topic),
    partition: Buffer.from(COORDINATES.partition),
    offset: Buffer.from(COORDINATES.offset),
  };
  private lastTopic = { text: '', bytes: Buffer.alloc(0) };
  private lastPartition = { number: -1, bytes: Buffer.alloc(0) };

  /**
   * Alternating names and values; undefined when the headers do not fit into 97 overflow attributes.
   *
   * Hot: a header that fits costs one map lookup and one UTF-8 check.
   */
  encode(headers: Headers, { topic, partition, offset }: RecordCoordinates): Buffer[] | undefined {
    if (topic !== this.lastTopic.text) this.lastTopic = { text: topic, bytes: Buffer.from(topic) };
    if (partition !== this.lastPartition.number) {
      this.lastPartition = { number: partition, bytes: Buffer.from(String(partition)) };
    }
    const attributes: Buffer[] = [
      this.coordinateNames.topic,
      this.lastTopic.bytes,
      this.coordinateNames.partition,
      this.lastPartition.bytes,
      this.coordinateNames.offset,
      Buffer.from(String(offset)),
    ];
    const coordinates = attributes.length;
    let overflow: OverflowHeader[] | undefined;
    for (const name of Object.keys(headers)) {
      const given = headers[name];
      if (given === undefined) continue;
      const attribute = this.attributeName(name);
      const value = typeof given === 'string' ? Buffer.from(given) : given;
      if (attribute !== undefined && Buffer.isBuffer(value) && fits(value)) attributes.push(attribute, value);
      else (overflow ??= []).push(...overflowHeaders(name, value));
    }
    if (overflow === undefined && attributes.length <= LIMITS.attributesPerMessage * 2) return attributes;
    const plain = attributes.splice(coordinates);
    const packed = pack(plain, overflow ?? []);
    return packed === undefined ? undefined : [...attributes, ...packed];
  }

  private attributeName(header: string): Buffer | undefined {
    if (this.names.has(header)) return this.names.get(header);
    const name = Buffer.from(header.startsWith(CE_HEADER) ? CE_ATTRIBUTE + header.slice(CE_HEADER.length) : header);
    const known = isAttributeName(header, name) ? name : undefined;
    if (this.names.size < MAX_CACHED_NAMES) this.names.set(header, known);
    return known;
  }
}

const fits = (value: Buffer): boolean => value.length <= LIMITS.attributeValueBytes && isUtf8(value);

function isAttributeName(header: string, attribute: Buffer): boolean {
  return (
    header !== '' &&
    attribute.length <= LIMITS.attributeNameBytes &&
    !/^goog/i.test(header) &&
    !header.startsWith(CE_ATTRIBUTE) &&
    !isReserved(header) &&
    // A lone surrogate has no UTF-8 encoding.
    !/\p{Surrogate}/u.test(header)
  );
}

const RESERVED: ReadonlySet<string> = new Set(Object.values(COORDINATES));
const isReserved = (name: string): boolean => RESERVED.has(name) || /^kafka_headers_\d+$/.test(name);

function overflowHeaders(name: string, value: unknown): OverflowHeader[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const nameBytes = Buffer.from(name);
  return values.map((each) => [nameBytes, bytesOf(each)]);
}

function bytesOf(value: unknown): Buffer | null {
  if (Buffer.isBuffer(value)) return value;
  return typeof value === 'string' ? Buffer.from(value) : null;
}

/** Moves the smallest attributes to the overflow until all headers fit; undefined when they cannot. */
function pack(plain: readonly Buffer[], overflow: readonly OverflowHeader[]): Buffer[] | undefined {
  const pairs: { name: Buffer; value: Buffer; size: number }[] = [];
  for (let i = 0; i + 1 < plain.length; i += 2) {
    const [name, value] = [plain[i], plain[i + 1]];
    if (name !== undefined && value !== undefined) pairs.push({ name, value, size: name.length + value.length });
  }
  pairs.sort((a, b) => b.size - a.size);
  const moved = [...overflow];
  let bytes = moved.reduce((sum, header) => sum + headerLength(header), 0);
  while (pairs.length + Math.ceil(base64Length(bytes) / LIMITS.attributeValueBytes) > HEADER_ATTRIBUTES) {
    const smallest = pairs.pop();
    if (smallest === undefined) return undefined;
    const header: OverflowHeader = [Buffer.from(headerName(smallest.name)), smallest.value];
    moved.push(header);
    bytes += headerLength(header);
  }
  return [...pairs.flatMap(({ name, value }) => [name, value]), ...overflowAttributes(moved, bytes)];
}

function headerName(attribute: Buffer): string {
  const name = attribute.toString();
  return name.startsWith(CE_ATTRIBUTE) ? CE_HEADER + name.slice(CE_ATTRIBUTE.length) : name;
}

const base64Length = (bytes: number): number => 4 * Math.ceil(bytes / 3);

/** Kafka's varints are zigzag-encoded: a length is doubled, and 1 stands for -1, the length of null. */
const zigzag = (length: number): number => 2 * length;
const NULL_LENGTH = 1;

const headerLength = ([name, value]: OverflowHeader): number =>
  varintLength(zigzag(name.length)) +
  name.length +
  (value === null ? varintLength(NULL_LENGTH) : varintLength(zigzag(value.length)) + value.length);

function overflowAttributes(headers: readonly OverflowHeader[], bytes: number): Buffer[] {
  const packed = Buffer.allocUnsafe(bytes);
  let end = 0;
  for (const [name, value] of headers) {
    end = writeVarint(packed, end, zigzag(name.length));
    end += name.copy(packed, end);
    end = writeVarint(packed, end, value === null ? NULL_LENGTH : zigzag(value.length));
    if (value !== null) end += value.copy(packed, end);
  }
  const text = Buffer.from(packed.toString('base64'));
  const attributes: Buffer[] = [];
  for (let at = 0; at < text.length; at += LIMITS.attributeValueBytes) {
    const number = String(at / LIMITS.attributeValueBytes);
    attributes.push(Buffer.from(OVERFLOW_PREFIX + number), text.subarray(at, at + LIMITS.attributeValueBytes));
  }
  return attributes;
}

import { isUtf8 } from 'node:buffer';

import { LIMITS } from './message';

/** Headers of a Kafka record; a repeated name has an array, and a value may be null though the types do not say so. */
export type Headers = Readonly<Record<string, unknown>>;

/** The record's place in the log, which every message carries. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const PLACE = { topic: 'kafka_topic', partition: 'kafka_partition', offset: 'kafka_offset' } as const;
const OVERFLOW_PREFIX = 'kafka_headers_';
const CE_HEADER = 'ce_';
const CE_ATTRIBUTE = 'ce-';

/** Attributes left for headers. */
const ROOM = LIMITS.attributesPerMessage - Object.keys(PLACE).length;
/** How many attribute names are remembered; a stranger may make up any number of them. */
const MAX_KNOWN_NAMES = 1_000;

type OverflowEntry = readonly [name: string, base64: string | null];

/**
 * Semaphore Kafka headers into Pub/Sub attributes, losing nothing.
 *
 * `ce_<name>` becomes `ce-<name>` (CloudEvents: Google Cloud Pub/Sub protocol binding, 3.1.3.1; `content-type` stays as
 * it is); other names stay. What cannot be an attribute moves into `kafka_headers_0`, `kafka_headers_1`, …: their
 * values put together are the base64 of a JSON array of `[name, base64 of the value or null]`. That is a header that is
 * repeated, has a value that is null, not UTF-8 or above 1,024 bytes, or a name that is empty, above 256 bytes, begins
 * with `goog`, or would read back as another header; and, where there are too many, as many of the smallest as it takes.
 */
export class HeaderAttributes {
  private readonly names = new Map<string, Buffer | undefined>();
  private readonly place = {
    topic: Buffer.from(PLACE.topic),
    partition: Buffer.from(PLACE.partition),
    offset: Buffer.from(PLACE.offset),
  };
  private lastTopic = { text: '', bytes: Buffer.alloc(0) };
  private lastPartition = { number: -1, bytes: Buffer.alloc(0) };

  /**
   * Names and values in turn; undefined when even 97 attributes of overflow do not hold the headers (about 55 kB). Hot: the usual header costs one look into a map and a check of its bytes.
   */
  encode(headers: Headers, { topic, partition, offset }: Place): Buffer[] | undefined {
    if (topic !== this.lastTopic.text) this.lastTopic = { text: topic, bytes: Buffer.from(topic) };
    if (partition !== this.lastPartition.number) {
      this.lastPartition = { number: partition, bytes: Buffer.from(String(partition)) };
    }
    const attributes: Buffer[] = [
      this.place.topic,
      this.lastTopic.bytes,
      this.place.partition,
      this.lastPartition.bytes,
      this.place.offset,
      Buffer.from(String(offset)),
    ];
    const placed = attributes.length;
    let overflow: OverflowEntry[] | undefined;
    for (const name of Object.keys(headers)) {
      const given = headers[name];
      if (given === undefined) continue;
      const attribute = this.attributeName(name);
      const value = typeof given === 'string' ? Buffer.from(given) : given;
      if (attribute !== undefined && Buffer.isBuffer(value) && fits(value)) attributes.push(attribute, value);
      else (overflow ??= []).push(...overflowEntries(name, value));
    }
    if (overflow === undefined && attributes.length <= LIMITS.attributesPerMessage * 2) return attributes;
    const plain = attributes.splice(placed);
    const packed = pack(plain, overflow ?? []);
    return packed === undefined ? undefined : [...attributes, ...packed];
  }

  private attributeName(header: string): Buffer | undefined {
    if (this.names.has(header)) return this.names.get(header);
    const name = Buffer.from(header.startsWith(CE_HEADER) ? CE_ATTRIBUTE + header.slice(CE_HEADER.length) : header);
    const known = isAttributeName(header, name) ? name : undefined;
    if (this.names.size < MAX_KNOWN_NAMES) this.names.set(header, known);
    return known;
  }
}

/** The headers that `HeaderAttributes` made attributes of. @throws SyntaxError when the overflow is not what it wrote */
export function decodeHeaders(attributes: Readonly<Record<string, string>>): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>;
  let overflow = '';
  for (let part = 0; ; part++) {
    const text = attributes[`${OVERFLOW_PREFIX}${String(part)}`];
    if (text === undefined) break;
    overflow += text;
  }
  for (const [name, text] of Object.entries(attributes)) {
    if (isReserved(name)) continue;
    const header = name.startsWith(CE_ATTRIBUTE) ? CE_HEADER + name.slice(CE_ATTRIBUTE.length) : name;
    headers[header] = Buffer.from(text);
  }
  const entries = overflow === '' ? [] : (JSON.parse(Buffer.from(overflow, 'base64').toString()) as OverflowEntry[]);
  for (const [name, base64] of entries) {
    const value = base64 === null ? null : Buffer.from(base64, 'base64');
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = value;
    else headers[name] = Array.isArray(earlier) ? [...(earlier as unknown[]), value] : [earlier, value];
  }
  return headers;
}

const fits = (value: Buffer): boolean => value.length <= LIMITS.attributeValueBytes && isUtf8(value);

function isAttributeName(header: string, attribute: Buffer): boolean {
  return (
    header !== '' &&
    attribute.length <= LIMITS.attributeNameBytes &&
    !/^goog/i.test(header) &&
    !header.startsWith(CE_ATTRIBUTE) &&
    !isReserved(header) &&
    // Half a surrogate pair has no UTF-8.
    !/\p{Surrogate}/u.test(header)
  );
}

const RESERVED: ReadonlySet<string> = new Set(Object.values(PLACE));
const isReserved = (name: string): boolean => RESERVED.has(name) || /^kafka_headers_\d+$/.test(name);

function overflowEntries(name: string, value: unknown): OverflowEntry[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => [name, base64Of(each)]);
}

function base64Of(value: unknown): string | null {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return typeof value === 'string' ? Buffer.from(value).toString('base64') : null;
}

/** Moves the smallest attributes over until all of it fits; undefined when it never does. */
function pack(plain: readonly Buffer[], overflow: readonly OverflowEntry[]): Buffer[] | undefined {
  const pairs: { name: Buffer; value: Buffer; size: number }[] = [];
  for (let i = 0; i + 1 < plain.length; i += 2) {
    const [name, value] = [plain[i], plain[i + 1]];
    if (name !== undefined && value !== undefined) pairs.push({ name, value, size: name.length + value.length });
  }
  pairs.sort((a, b) => b.size - a.size);
  const entries = [...overflow];
  let bytes = 2 + entries.reduce((sum, entry) => sum + entryLength(entry), 0);
  for (;;) {
    const parts = entries.length === 0 ? 0 : Math.ceil((4 * Math.ceil(bytes / 3)) / LIMITS.attributeValueBytes);
    if (pairs.length + parts <= ROOM) break;
    const smallest = pairs.pop();
    if (smallest === undefined) return undefined;
    const entry: OverflowEntry = [headerName(smallest.name), smallest.value.toString('base64')];
    entries.push(entry);
    bytes += entryLength(entry);
  }
  return [...pairs.flatMap(({ name, value }) => [name, value]), ...overflowAttributes(entries)];
}

function headerName(attribute: Buffer): string {
  const name = attribute.toString();
  return name.startsWith(CE_ATTRIBUTE) ? CE_HEADER + name.slice(CE_ATTRIBUTE.length) : name;
}

/** Bytes of the entry in the JSON array, with a comma. */
const entryLength = (entry: OverflowEntry): number => Buffer.byteLength(JSON.stringify(entry)) + 1;

function overflowAttributes(entries: readonly OverflowEntry[]): Buffer[] {
  if (entries.length === 0) return [];
  const text = Buffer.from(Buffer.from(JSON.stringify(entries)).toString('base64'));
  const attributes: Buffer[] = [];
  for (let at = 0; at < text.length; at += LIMITS.attributeValueBytes) {
    const number = String(at / LIMITS.attributeValueBytes);
    attributes.push(Buffer.from(OVERFLOW_PREFIX + number), text.subarray(at, at + LIMITS.attributeValueBytes));
  }
  return attributes;
}

import { hash } from 'node:crypto';
import { rawTopic } from '@orderstream/contracts';
import {
  expectedFindings,
  type Findings,
  type Intent,
  type JournaledSegment,
  type SimulatedRecord,
} from '@orderstream/simulation';

/** What the journal says of one record. */
export interface ExpectedRecord {
  /** Number among the records of all segments. */
  readonly seq: number;
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  /** Sha256 hex of the value's bytes. */
  readonly sha256: string;
  readonly intent: Intent;
  readonly isAcknowledged: boolean;
  /** Whether it announces the catalog. */
  readonly isAnnouncement: boolean;
  /** How often it may be in its topic: once, and once more for each time that it was sent again. */
  readonly maxCopies: number;
}

const ABSENT = -1;
const SHA_BYTES = 32;
const FIRST_CAPACITY = 1_024;
const NOTHING = Buffer.alloc(0);
const ID = /^(?<segment>.{1,64}):(?<n>\d{1,15})\.(?<copy>\d{1,6})$/;

/** The records of one segment, from one number on. 50 bytes each, and their intents. */
class SegmentRecords {
  private capacity = 0;
  private hashes = Buffer.alloc(0);
  private topics = new Int16Array(0);
  private partitions = new Int16Array(0);
  private copyNumbers = new Int16Array(0);
  private numbers = new Float64Array(0);
  private readonly intents: Intent[] = [];
  /** Place of each event's first record, by number of the event minus that of the first. */
  private places = new Int32Array(0);
  private firstEvent = ABSENT;
  /** Places of further records of an event, by `n.copy`. */
  private readonly copies = new Map<string, number>();
  count = 0;

  constructor(
    readonly segment: JournaledSegment,
    /** Number of the first record in the segment. */
    readonly from: number,
    private readonly names: string[],
  ) {}

  add(record: SimulatedRecord): void {
    const { n, copy, family, partition, value, intent } = record;
    const place = this.count++;
    this.reserve(this.count);
    this.hashes.write(hash('sha256', value ?? NOTHING), place * SHA_BYTES, SHA_BYTES, 'hex');
    this.topics[place] = this.nameNumber(rawTopic(family));
    this.partitions[place] = partition;
    this.copyNumbers[place] = copy;
    this.numbers[place] = n;
    this.intents.push(intent);
    if (this.firstEvent === ABSENT) this.firstEvent = n;
    // A copy may be behind the start although its event is before it.
    if (copy > 0 || n < this.firstEvent) this.copies.set(`${n}.${copy}`, place);
    else this.setPlace(n - this.firstEvent, place);
  }

  placeOf(n: number, copy: number): number | undefined {
    const place = copy > 0 || n < this.firstEvent ? this.copies.get(`${n}.${copy}`) : this.places[n - this.firstEvent];
    return place === undefined || place === ABSENT ? undefined : place;
  }

  at(place: number): ExpectedRecord {
    const { segment, from } = this;
    const number = from + place;
    const intent = this.intents[place];
    if (intent === undefined) throw new RangeError(`no record ${number} in ${segment.id}`);
    return {
      seq: segment.firstSeq + number,
      id: `${segment.id}:${this.numbers[place] ?? 0}.${this.copyNumbers[place] ?? 0}`,
      topic: this.names[this.topics[place] ?? 0] ?? '',
      partition: this.partitions[place] ?? 0,
      sha256: this.hashes.toString('hex', place * SHA_BYTES, (place + 1) * SHA_BYTES),
      intent,
      isAcknowledged: number < segment.acknowledged,
      isAnnouncement: (this.numbers[place] ?? 0) < segment.announcements,
      maxCopies: 1 + segment.resumed.filter(({ from: first, until }) => number >= first && number < until).length,
    };
  }

  private setPlace(event: number, place: number): void {
    if (event >= this.places.length) {
      const grown = new Int32Array(Math.max(event + 1, 2 * this.places.length, FIRST_CAPACITY)).fill(ABSENT);
      grown.set(this.places);
      this.places = grown;
    }
    this.places[event] = place;
  }

  private nameNumber(name: string): number {
    const known = this.names.indexOf(name);
    return known >= 0 ? known : this.names.push(name) - 1;
  }

  private reserve(wanted: number): void {
    if (wanted <= this.capacity) return;
    this.capacity = Math.max(wanted, 2 * this.capacity, FIRST_CAPACITY);
    const grow = (old: Int16Array<ArrayBuffer>): Int16Array<ArrayBuffer> => {
      const grown = new Int16Array(this.capacity);
      grown.set(old);
      return grown;
    };
    this.topics = grow(this.topics);
    this.partitions = grow(this.partitions);
    this.copyNumbers = grow(this.copyNumbers);
    const numbers = new Float64Array(this.capacity);
    numbers.set(this.numbers);
    this.numbers = numbers;
    const hashes = Buffer.alloc(this.capacity * SHA_BYTES);
    this.hashes.copy(hashes);
    this.hashes = hashes;
  }
}

/** The records that the topics must have, computed from the segments of a journal. */
export class ExpectedRecords {
  private readonly segments = new Map<string, SegmentRecords>();
  private readonly names: string[] = [];

  /** Adds the next record of a segment. @param number its number in the segment; consecutive for each segment */
  add(segment: JournaledSegment, number: number, record: SimulatedRecord): void {
    let records = this.segments.get(segment.id);
    if (records === undefined) {
      records = new SegmentRecords(segment, number, this.names);
      this.segments.set(segment.id, records);
    }
    if (records.from + records.count !== number)
      throw new RangeError(`record ${number} of ${segment.id} is out of order`);
    records.add(record);
  }

  get count(): number {
    return [...this.segments.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** The record with this value of the header `simulation-id`. */
  find(id: string): ExpectedRecord | undefined {
    const { segment = '', n = '', copy = '' } = ID.exec(id)?.groups ?? {};
    const records = this.segments.get(segment);
    const place = records?.placeOf(Number(n), Number(copy));
    return place === undefined ? undefined : records?.at(place);
  }

  *all(): Generator<ExpectedRecord> {
    for (const records of this.segments.values()) {
      for (let place = 0; place < records.count; place++) yield records.at(place);
    }
  }
}

/** The verdict that a copy of a record must get, and the rules that fire. */
export const findingsOn = (
  { intent }: ExpectedRecord,
  { timestamp }: { readonly timestamp: number },
  occurrence: number,
): Findings => expectedFindings(intent, { appendMs: timestamp, occurrence });

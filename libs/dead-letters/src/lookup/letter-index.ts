import { parkedTopic } from '@orderstream/contracts';
import { type AnyLetter } from '../import/foreign-letter';
import { decodeCursor, encodeCursor, type LetterOrder, type ListPlace } from './cursor';
import { LetterColumns, type LetterEntry } from './letter-columns';
import { eventTypeOf, keyHash, type LetterFilter } from './letter-filter';

/** Place of a dead letter. */
export interface LetterPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface LetterPage {
  /** Letters that meet what the index knows of the filter; key and fields are to be compared with the letter itself. */
  readonly places: readonly LetterPlace[];
  /** Continues behind the last place; undefined at the end of the list. */
  readonly next: string | undefined;
}

/** Dead letters that failed alike. */
export interface LetterGroup {
  readonly fingerprint: string;
  readonly app: string;
  readonly reason: string;
  /** The field of the first reason, if it is about one. */
  readonly path: string | undefined;
  readonly count: number;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  /** Counts of the last hours, the present one last. */
  readonly hourly: readonly number[];
  /** The latest letters of the group, latest first. */
  readonly samples: readonly LetterPlace[];
}

interface Fingerprint {
  readonly text: string;
  readonly app: string;
  readonly reason: string;
  readonly path: string | undefined;
}

interface PartitionColumns {
  readonly topic: string;
  readonly partition: number;
  readonly columns: LetterColumns;
}

const HOUR_MS = 3_600_000;
const TREND_HOURS = 24;
const SAMPLES = 3;
const MAX_TYPES = 1_000;
const PARKED = parkedTopic('');
/** Letters that one step of a scan looks at: some 10 ms. */
const SCAN_LETTERS = 20_000;
/** An index that is full forgets a hundredth of its largest partition at once. */
const FORGOTTEN_SHARE = 100;

/**
 * Finds dead letters by what is filtered and grouped by, in memory: 48 bytes a letter, and the letters themselves stay in
 * their topics. It is filled by reading the topics once from their beginnings, and goes on from `nextOffset`; a process that
 * starts again fills it again.
 *
 * It has at most `maxLetters` letters. More than that push out the first ones of the largest partition: `forgotten` says how
 * many, and lists and groups are then of the letters that are left.
 */
export class LetterIndex {
  private readonly partitions = new Map<string, PartitionColumns>();
  private readonly fingerprints: Fingerprint[] = [];
  private readonly fingerprintNumbers = new Map<string, number>();
  private readonly types: string[] = [];
  private readonly typeNumbers = new Map<string, number>();
  private forgottenLetters = 0;
  private letters = 0;

  constructor(private readonly maxLetters: number) {}

  get count(): number {
    return this.letters;
  }

  /** Letters that were left out because of `maxLetters`. */
  get forgotten(): number {
    return this.forgottenLetters;
  }

  /** From where a partition is to be read on. */
  nextOffset(topic: string, partition: number): number {
    return this.partitions.get(nameOf(topic, partition))?.columns.nextOffset ?? 0;
  }

  /** @throws RangeError if the letter is not behind the last one of its partition */
  add(letter: AnyLetter): void {
    const { topic, partition, offset, failedAt, key, attempt, source } = letter;
    this.columnsOf(topic, partition).add({
      offset,
      failedAtMs: failedAt.getTime(),
      fingerprint: this.fingerprintNumber(letter),
      type: this.typeNumber(eventTypeOf(letter)),
      key: keyHash(key),
      attempt,
      sourcePartition: source.partition,
      sourceOffset: source.offset,
    });
    this.letters++;
    if (this.letters > this.maxLetters) this.forgetFirst();
  }

  /** Forgets the letters of a partition below its first offset: retention has removed them. */
  removeBelow(topic: string, partition: number, offset: number): void {
    const columns = this.partitions.get(nameOf(topic, partition))?.columns;
    if (columns === undefined) return;
    const before = columns.count;
    columns.removeBelow(offset);
    this.letters -= before - columns.count;
  }

  /** Forgets a partition: its topic was deleted, and re-created with other records. */
  remove(topic: string, partition: number): void {
    this.letters -= this.partitions.get(nameOf(topic, partition))?.columns.count ?? 0;
    this.partitions.delete(nameOf(topic, partition));
  }

  /**
   * One page of the letters of a filter, by the time of their failure. Letters that are added meanwhile change no page: those
   * of a list of the newest first are before its first page, and those of the oldest first are at its end.
   *
   * @throws CursorRejectedError
   */
  page(filter: LetterFilter, order: LetterOrder, limit: number, cursor?: string): LetterPage {
    const after = cursor === undefined ? undefined : decodeCursor(filter, order, cursor);
    const matches = this.matcherOf(filter);
    const places: ListPlace[] = [];
    let hasMore = false;
    for (const head of this.merge(filter, order, after)) {
      if (!matches(head.source.columns.entry(head.position))) continue;
      if (places.length === limit) {
        hasMore = true;
        break;
      }
      places.push(placeOf(head));
    }
    const last = places.at(-1);
    return { places, next: hasMore && last !== undefined ? encodeCursor(filter, order, last) : undefined };
  }

  /** The letters of a filter by fingerprint, the largest group first. */
  groups(filter: LetterFilter, nowMs: number): LetterGroup[] {
    const matches = this.matcherOf(filter);
    const groups = new Map<number, MutableGroup>();
    for (const source of this.partitions.values()) {
      const { topic, partition, columns } = source;
      if (!isOfTopic(filter, source)) continue;
      for (let position = 0; position < columns.count; position++) {
        const entry = columns.entry(position);
        if (!matches(entry)) continue;
        let group = groups.get(entry.fingerprint);
        if (group === undefined) groups.set(entry.fingerprint, (group = new MutableGroup(nowMs)));
        group.add(topic, partition, entry);
      }
    }
    return [...groups]
      .map(([number, group]) => group.finish(this.fingerprintAt(number)))
      .sort((a, b) => b.count - a.count || b.lastFailedAt.getTime() - a.lastFailedAt.getTime());
  }

  /**
   * The letters of a filter, partition by partition, in the order of their offsets. Each step looks at a bounded number of
   * letters and may find none: between two steps the process can do other work, and letters may be added and removed.
   */
  *scan(filter: LetterFilter): Generator<readonly LetterPlace[]> {
    const matches = this.matcherOf(filter);
    for (const source of [...this.partitions.values()]) {
      if (!isOfTopic(filter, source)) continue;
      const { topic, partition, columns } = source;
      for (let from = 0; from < columns.nextOffset;) {
        const places: LetterPlace[] = [];
        const begin = columns.countBelow(from);
        const end = Math.min(columns.count, begin + SCAN_LETTERS);
        for (let position = begin; position < end; position++) {
          const entry = columns.entry(position);
          if (matches(entry)) places.push({ topic, partition, offset: entry.offset });
        }
        from = end > begin ? columns.offset(end - 1) + 1 : columns.nextOffset;
        yield places;
      }
    }
  }

  /** The letters of all partitions in the order of the list, behind a place. */
  private *merge(filter: LetterFilter, order: LetterOrder, after: ListPlace | undefined): Generator<Head> {
    const step = order === 'oldest' ? 1 : -1;
    const heads: Head[] = [];
    for (const source of this.partitions.values()) {
      if (!isOfTopic(filter, source)) continue;
      const head = { source, position: firstPosition(source, order, after) };
      if (head.position >= 0 && head.position < source.columns.count) heads.push(head);
    }
    while (heads.length > 0) {
      const head = heads.reduce((best, other) => (compare(best, other) * step <= 0 ? best : other));
      yield head;
      head.position += step;
      if (head.position < 0 || head.position >= head.source.columns.count) heads.splice(heads.indexOf(head), 1);
    }
  }

  /** Whether what the index knows of a letter meets the filter. */
  private matcherOf(filter: LetterFilter): (entry: LetterEntry) => boolean {
    const { app, reason, fingerprint, key, eventType, failedFrom, failedUntil } = filter;
    const { sourcePartition, sourceOffsetFrom = 0, sourceOffsetUntil = Infinity } = filter;
    const isWanted = this.fingerprints.map(
      (each) =>
        (app === undefined || each.app === app) &&
        (reason === undefined || each.reason === reason) &&
        (fingerprint === undefined || each.text === fingerprint),
    );
    const type = eventType === undefined ? undefined : (this.typeNumbers.get(eventType) ?? -1);
    const hash = key === undefined ? undefined : keyHash(Buffer.from(key));
    const from = failedFrom?.getTime() ?? -Infinity;
    const until = failedUntil?.getTime() ?? Infinity;
    return (entry) =>
      isWanted[entry.fingerprint] === true &&
      (type === undefined || entry.type === type) &&
      (hash === undefined || entry.key === hash) &&
      entry.failedAtMs >= from &&
      entry.failedAtMs < until &&
      (sourcePartition === undefined || entry.sourcePartition === sourcePartition) &&
      entry.sourceOffset >= sourceOffsetFrom &&
      entry.sourceOffset < sourceOffsetUntil;
  }

  private columnsOf(topic: string, partition: number): LetterColumns {
    const name = nameOf(topic, partition);
    let found = this.partitions.get(name);
    if (found === undefined) this.partitions.set(name, (found = { topic, partition, columns: new LetterColumns() }));
    return found.columns;
  }

  private fingerprintNumber({ fingerprint: text, app, reason, reasons }: AnyLetter): number {
    const known = this.fingerprintNumbers.get(text);
    if (known !== undefined) return known;
    this.fingerprintNumbers.set(text, this.fingerprints.length);
    return this.fingerprints.push({ text, app, reason, path: reasons[0]?.path }) - 1;
  }

  private fingerprintAt(number: number): Fingerprint {
    const found = this.fingerprints[number];
    if (found === undefined) throw new RangeError(`there is no fingerprint ${String(number)}`);
    return found;
  }

  /** Types beyond `MAX_TYPES` count as one: `ce_type` of a broken record may be anything. */
  private typeNumber(type: string): number {
    const known = this.typeNumbers.get(type);
    if (known !== undefined) return known;
    if (this.types.length >= MAX_TYPES) return MAX_TYPES;
    this.typeNumbers.set(type, this.types.length);
    return this.types.push(type) - 1;
  }

  private forgetFirst(): void {
    let largest: LetterColumns | undefined;
    for (const { columns } of this.partitions.values()) {
      if (largest === undefined || columns.count > largest.count) largest = columns;
    }
    // Many at once: a letter at a time would compare the partitions for each.
    const count = Math.max(1, Math.floor((largest?.count ?? 0) / FORGOTTEN_SHARE));
    largest?.removeFirst(count);
    this.letters -= count;
    this.forgottenLetters += count;
  }
}

/** Where the merge stands in one partition. */
interface Head {
  readonly source: PartitionColumns;
  position: number;
}

class MutableGroup {
  private count = 0;
  private first = Infinity;
  private last = -Infinity;
  private readonly hourly = new Array<number>(TREND_HOURS).fill(0);
  private samples: { readonly place: LetterPlace; readonly failedAtMs: number }[] = [];

  constructor(private readonly nowMs: number) {}

  add(topic: string, partition: number, { offset, failedAtMs }: LetterEntry): void {
    this.count++;
    this.first = Math.min(this.first, failedAtMs);
    this.last = Math.max(this.last, failedAtMs);
    const hour = TREND_HOURS - 1 - Math.max(0, Math.floor((this.nowMs - failedAtMs) / HOUR_MS));
    if (hour >= 0) this.hourly[hour] = (this.hourly[hour] ?? 0) + 1;
    const oldest = this.samples.at(-1);
    if (this.samples.length === SAMPLES && oldest !== undefined && failedAtMs <= oldest.failedAtMs) return;
    this.samples = [...this.samples, { place: { topic, partition, offset }, failedAtMs }]
      .sort((a, b) => b.failedAtMs - a.failedAtMs)
      .slice(0, SAMPLES);
  }

  finish({ text, app, reason, path }: Fingerprint): LetterGroup {
    return {
      fingerprint: text,
      app,
      reason,
      path,
      count: this.count,
      firstFailedAt: new Date(this.first),
      lastFailedAt: new Date(this.last),
      hourly: this.hourly,
      samples: this.samples.map(({ place }) => place),
    };
  }
}

const nameOf = (topic: string, partition: number): string => `${topic}/${String(partition)}`;

/** Parked letters are listed only by the name of their topic: they were dead letters of its dead-letter topic before. */
const isOfTopic = ({ topic: wanted, sourceTopic }: LetterFilter, { topic }: PartitionColumns): boolean =>
  (wanted === undefined ? !topic.endsWith(PARKED) : topic === wanted) &&
  (sourceTopic === undefined || topic.startsWith(`${sourceTopic}.dlq.`));

const placeOf = ({ source: { topic, partition, columns }, position }: Head): ListPlace => ({
  topic,
  partition,
  offset: columns.offset(position),
  orderMs: columns.orderMs(position),
});

/** Oldest first. Called for each letter that a list passes: it allocates nothing. */
const compare = (a: Head, b: Head): number =>
  a.source.columns.orderMs(a.position) - b.source.columns.orderMs(b.position) || comparePartitions(a.source, b.source);

function comparePartitions(one: Omit<LetterPlace, 'offset'>, other: Omit<LetterPlace, 'offset'>): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}

/** Position of the first letter of a partition that the list has behind a place; it may be outside of the partition. */
function firstPosition(source: PartitionColumns, order: LetterOrder, after: ListPlace | undefined): number {
  const { columns } = source;
  if (after === undefined) return order === 'oldest' ? 0 : columns.count - 1;
  const compared = comparePartitions(source, after);
  // Letters of the same time are in the order of their partitions.
  const isBehind = order === 'oldest' ? compared > 0 : compared < 0;
  if (compared === 0) {
    return order === 'oldest' ? columns.countBelow(after.offset + 1) : columns.countBelow(after.offset) - 1;
  }
  if (order === 'oldest') return isBehind ? columns.countBefore(after.orderMs) : columns.countUpTo(after.orderMs);
  return (isBehind ? columns.countUpTo(after.orderMs) : columns.countBefore(after.orderMs)) - 1;
}

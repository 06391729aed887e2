import {
  CursorRejectedError,
  type AnyLetter,
  hasKeyAndFields,
  type LetterFilter,
  type LetterGroup,
  LetterIndex,
  type LetterOrder,
  type LetterPlace,
} from '@orderstream/dead-letters';
import { type KafkaRecord, partitionName, type RecordLookup } from '@orderstream/kafka';
import { ConsoleProblem } from '../problems';
import { type LetterLog } from './letter-log';

export interface LetterSearchOptions {
  readonly index: LetterIndex;
  readonly log: Pick<LetterLog, 'nextOffset'>;
  readonly lookup: Pick<RecordLookup, 'read'>;
  readonly parse: (record: KafkaRecord) => AnyLetter | undefined;
  readonly nowMs?: () => number;
  /** Letters that one request reads to compare key and fields. */
  readonly maxRead?: { readonly ofPage: number; readonly ofGroups: number };
}

export interface FoundLetters<T> {
  readonly letters: readonly T[];
  /** Continues the list; undefined at its end. */
  readonly next: string | undefined;
}

/** Letters that are read from their topic at once. */
const CHUNK = 500;
/** A page may have fewer letters than asked for, and go on. Groups are of all letters. */
const MAX_READ = { ofPage: 10_000, ofGroups: 100_000 };
/** Below the deadline of who asks for groups: 30 s of `ctl`. */
const MAX_GROUPS_MS = 15_000;

/** Finds dead letters: the index says which may be meant, and the letters themselves decide by key and fields. */
export class LetterSearch {
  private readonly maxRead;

  constructor(private readonly options: LetterSearchOptions) {
    this.maxRead = options.maxRead ?? MAX_READ;
  }

  /**
   * One page of the letters of a filter. `map` is called for each of them while its body is in memory.
   *
   * With a filter by key or field, a page can have fewer letters than `limit`, or none, although `next` is there.
   *
   * @throws ConsoleProblem cursor-rejected
   */
  async page<T>(
    filter: LetterFilter,
    order: LetterOrder,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
    map: (letter: AnyLetter) => T,
  ): Promise<FoundLetters<T>> {
    const letters: T[] = [];
    let next = cursor;
    for (let read = 0; read < this.maxRead.ofPage;) {
      const size = needsLetters(filter) ? Math.max(CHUNK, limit) : limit;
      const page = this.placesOf(filter, order, size, next);
      const found = await this.letters(page.places, map, filter);
      read += page.places.length;
      const wanted = found.slice(0, limit - letters.length);
      letters.push(...wanted.map(({ letter }) => letter));
      const last = wanted.at(-1);
      if (letters.length === limit && last !== undefined && last.at < page.places.length - 1) {
        // The page of the index goes on behind the last letter: ask for the cursor of its place.
        return { letters, next: this.placesOf(filter, order, last.at + 1, next).next };
      }
      next = page.next;
      if (letters.length === limit || next === undefined) break;
    }
    return { letters, next };
  }

  /** @throws ConsoleProblem filter-too-wide */
  async groups(filter: LetterFilter): Promise<LetterGroup[]> {
    const now = this.options.nowMs ?? Date.now;
    const nowMs = now();
    if (!needsLetters(filter)) return this.options.index.groups(filter, nowMs);
    const { key, fields, ...known } = filter;
    const narrowed = new LetterIndex(this.maxRead.ofGroups);
    let read = 0;
    for (let cursor: string | undefined; ;) {
      const { places, next } = this.placesOf(filter, 'oldest', CHUNK, cursor);
      read += places.length;
      const isLate = now() - nowMs > MAX_GROUPS_MS;
      if (isLate || read > this.maxRead.ofGroups) {
        const possible = isLate ? `${String(MAX_GROUPS_MS / 1_000)} s allow` : 'one request may read';
        const letters = (isLate ? read - places.length : this.maxRead.ofGroups).toLocaleString('en-US');
        throw new ConsoleProblem(
          'filter-too-wide',
          `To compare ${key === undefined ? Object.keys(fields ?? {}).join(', ') : 'their keys'}, more letters would have to be read ` +
            `than the ${letters} that ${possible}. Narrow the filter, for example by fingerprint or time.`,
        );
      }
      const found = await this.letters(places, (letter) => ({ ...letter, value: null }), filter);
      for (const { letter } of found) narrowed.add(letter);
      if (next === undefined) break;
      cursor = next;
    }
    return narrowed.groups(known, nowMs);
  }

  /** @throws ConsoleProblem letter-unknown */
  async show(place: LetterPlace): Promise<{ readonly letter: AnyLetter; readonly record: KafkaRecord }> {
    let found: { readonly letter: AnyLetter; readonly record: KafkaRecord } | undefined;
    if (place.offset < this.options.log.nextOffset(place)) {
      await this.options.lookup.read([place], (record) => {
        const letter = this.options.parse(record);
        if (letter !== undefined) found = { letter, record };
      });
    }
    if (found !== undefined) return found;
    const id = `${place.topic}/${String(place.partition)}/${String(place.offset)}`;
    throw new ConsoleProblem('letter-unknown', `There is no dead letter ${id}: retention may have deleted it.`);
  }

  /** The letters of these ids, as far as they are there. */
  async byId<T>(ids: readonly string[], map: (letter: AnyLetter) => T): Promise<T[]> {
    const places = ids.flatMap((id) => {
      const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(id) ?? [];
      return topic === undefined ? [] : [{ topic, partition: Number(partition), offset: Number(offset) }];
    });
    return (await this.letters(places, map)).map(({ letter }) => letter);
  }

  private placesOf(filter: LetterFilter, order: LetterOrder, limit: number, cursor: string | undefined) {
    try {
      return this.options.index.page(filter, order, limit, cursor);
    } catch (error) {
      if (error instanceof CursorRejectedError) throw new ConsoleProblem('cursor-rejected', error.message);
      throw error;
    }
  }

  /** The letters of these places that meet the filter, in the order of the places. */
  private async letters<T>(
    places: readonly LetterPlace[],
    map: (letter: AnyLetter) => T,
    filter: LetterFilter = {},
  ): Promise<{ readonly at: number; readonly letter: T }[]> {
    const positions = new Map(places.map((place, at) => [idOf(place), at]));
    const found: { readonly at: number; readonly letter: T }[] = [];
    for (let from = 0; from < places.length; from += CHUNK) {
      await this.options.lookup.read(places.slice(from, from + CHUNK), (record) => {
        const letter = this.options.parse(record);
        const at = positions.get(idOf(record));
        if (letter !== undefined && at !== undefined && hasKeyAndFields(filter, letter)) {
          found.push({ at, letter: map(letter) });
        }
      });
    }
    return found.sort((a, b) => a.at - b.at);
  }
}

const idOf = (place: LetterPlace): string => `${partitionName(place)}/${String(place.offset)}`;

const needsLetters = ({ key, fields = {} }: LetterFilter): boolean =>
  key !== undefined || Object.keys(fields).length > 0;

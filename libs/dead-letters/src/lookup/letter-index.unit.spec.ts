import { DEAD_LETTER_APPS, deadLetterTopic } from '@orderstream/contracts';
import fc from 'fast-check';
import { type DeadLetter } from '../parse-dead-letter';
import { CursorRejectedError, type LetterOrder } from './cursor';
import { hasKeyAndFields, type LetterFilter } from './letter-filter';
import { LetterIndex, type LetterPlace } from './letter-index';

const NOW_MS = Date.UTC(2026, 2, 1, 12);
const SOURCES = ['marketplace.orders.raw.v1', 'marketplace.catalog.raw.v1'];
const REASONS = ['time.in_future', 'duplicate.order', 'reference.unknown_vendor'];
const TYPES = ['order.placed', 'order.paid', ''];
const KEYS = ['a', 'b', 'c'];

const letterOf = (changes: Partial<DeadLetter> & LetterPlace): DeadLetter => ({
  app: 'validator',
  reason: 'time.in_future',
  reasons: [{ code: changes.reason ?? 'time.in_future', path: 'occurred_at' }],
  source: { topic: SOURCES[0] ?? '', partition: changes.partition, offset: changes.offset, timestamp: new Date(0) },
  failedAt: new Date(NOW_MS),
  firstFailedAt: new Date(NOW_MS),
  attempt: 1,
  fingerprint: `${changes.app ?? 'validator'} ${changes.reason ?? 'time.in_future'}`,
  cut: undefined,
  batch: undefined,
  replay: undefined,
  needsEdit: false,
  key: Buffer.from('a'),
  value: Buffer.from('{}'),
  headers: {},
  ...changes,
});

/** Letters of several topics and partitions, in the order of their offsets; the clocks that stamp them differ. */
const someLetters: fc.Arbitrary<DeadLetter[]> = fc
  .array(
    fc.record({
      source: fc.constantFrom(...SOURCES),
      app: fc.constantFrom(...DEAD_LETTER_APPS),
      partition: fc.integer({ min: 0, max: 1 }),
      step: fc.integer({ min: 1, max: 3 }),
      minute: fc.integer({ min: 0, max: 9 }),
      reason: fc.constantFrom(...REASONS),
      type: fc.constantFrom(...TYPES),
      key: fc.constantFrom(...KEYS),
    }),
    { maxLength: 60 },
  )
  .map((drafts) => {
    const ends = new Map<string, number>();
    return drafts.map(({ source, app, partition, step, minute, reason, type, key }) => {
      const topic = deadLetterTopic(source, app);
      const name = `${topic}/${String(partition)}`;
      const offset = (ends.get(name) ?? 0) + step;
      ends.set(name, offset);
      return letterOf({
        ...{ topic, partition, offset, app, reason },
        source: { topic: source, partition, offset: 10 * offset, timestamp: new Date(0) },
        failedAt: new Date(NOW_MS - minute * 60_000),
        key: Buffer.from(key),
        headers: type === '' ? {} : { ce_type: Buffer.from(type) },
      });
    });
  });

const someFilter: fc.Arbitrary<LetterFilter> = fc.record(
  {
    app: fc.constantFrom(...DEAD_LETTER_APPS),
    reason: fc.constantFrom(...REASONS),
    eventType: fc.constantFrom('order.placed', 'order.rated'),
    key: fc.constantFrom(...KEYS),
    failedFrom: fc.integer({ min: 0, max: 9 }).map((minute) => new Date(NOW_MS - minute * 60_000)),
    sourceTopic: fc.constantFrom(...SOURCES),
    sourcePartition: fc.integer({ min: 0, max: 1 }),
    sourceOffsetFrom: fc.integer({ min: 0, max: 200 }),
    sourceOffsetUntil: fc.integer({ min: 0, max: 400 }),
  },
  { requiredKeys: [] },
);

/** The same conditions, on the letter itself. */
function meets(letter: DeadLetter, filter: LetterFilter): boolean {
  const { app, reason, eventType, failedFrom, sourceTopic, sourcePartition } = filter;
  const type = letter.headers.ce_type;
  return (
    (app ?? letter.app) === letter.app &&
    (reason ?? letter.reason) === letter.reason &&
    (eventType === undefined || (type !== undefined && String(type) === eventType)) &&
    (failedFrom ?? letter.failedAt) <= letter.failedAt &&
    (sourceTopic ?? letter.source.topic) === letter.source.topic &&
    (sourcePartition ?? letter.source.partition) === letter.source.partition &&
    letter.source.offset >= (filter.sourceOffsetFrom ?? 0) &&
    letter.source.offset < (filter.sourceOffsetUntil ?? Infinity) &&
    hasKeyAndFields(filter, letter)
  );
}

const placeOf = ({ topic, partition, offset }: LetterPlace): string =>
  `${topic}/${String(partition)}@${String(offset)}`;

function indexOf(letters: readonly DeadLetter[], maxLetters = 1_000): LetterIndex {
  const index = new LetterIndex(maxLetters);
  for (const letter of letters) index.add(letter);
  return index;
}

function listOf(index: LetterIndex, filter: LetterFilter, order: LetterOrder, limit: number): string[] {
  const places: string[] = [];
  let cursor: string | undefined;
  do {
    const page = index.page(filter, order, limit, cursor);
    expect(page.places.length).toBeLessThanOrEqual(limit);
    places.push(...page.places.map(placeOf));
    cursor = page.next;
  } while (cursor !== undefined);
  return places;
}

describe('the index of dead letters', () => {
  it('lists each letter of a filter once, and no other, whatever the size of the pages', () => {
    fc.assert(
      fc.property(someLetters, someFilter, fc.integer({ min: 1, max: 7 }), (letters, filter, limit) => {
        const index = indexOf(letters);
        const wanted = letters.filter((letter) => meets(letter, filter)).map(placeOf);
        for (const order of ['newest', 'oldest'] as const) {
          const listed = listOf(index, filter, order, limit);
          expect([...listed].sort()).toEqual([...wanted].sort());
        }
        expect(listOf(index, filter, 'newest', limit).reverse()).toEqual(listOf(index, filter, 'oldest', limit));
      }),
    );
  });

  it('scans each letter of a filter once, each partition in the order of its offsets', () => {
    fc.assert(
      fc.property(someLetters, someFilter, (letters, filter) => {
        const scanned = [...indexOf(letters).scan(filter)].flat();
        const wanted = letters.filter((letter) => meets(letter, filter)).map(placeOf);
        expect(scanned.map(placeOf).sort()).toEqual(wanted.sort());
        for (const { topic, partition } of scanned) {
          const offsets = scanned.flatMap((each) =>
            each.topic === topic && each.partition === partition ? [each.offset] : [],
          );
          expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
        }
      }),
    );
  });

  it('goes on with a scan although its first letters were removed meanwhile', () => {
    const topic = deadLetterTopic(SOURCES[0] ?? '', 'validator');
    const count = 50_000;
    const index = new LetterIndex(count);
    for (let offset = 0; offset < count; offset++) index.add(letterOf({ topic, partition: 0, offset }));
    const steps = index.scan({});
    const first: readonly LetterPlace[] = steps.next().value ?? [];
    index.removeBelow(topic, 0, 10);
    const rest = [...steps].flat().map(({ offset }) => offset);
    expect(first.length).toBeLessThan(count);
    expect(rest).toEqual(Array.from({ length: count - first.length }, (_, at) => first.length + at));
  });

  it('lists by the time of the failure, and each partition in its order', () => {
    fc.assert(
      fc.property(someLetters, (letters) => {
        const byPlace = new Map(letters.map((letter) => [placeOf(letter), letter]));
        const latest = new Map<string, number>();
        let before = -Infinity;
        for (const place of listOf(indexOf(letters), {}, 'oldest', 5)) {
          const letter = byPlace.get(place);
          if (letter === undefined) throw new Error(place);
          const name = `${letter.topic}/${String(letter.partition)}`;
          const orderMs = Math.max(latest.get(name) ?? -Infinity, letter.failedAt.getTime());
          expect(orderMs).toBeGreaterThanOrEqual(before);
          latest.set(name, orderMs);
          before = orderMs;
        }
      }),
    );
  });

  it('continues a list of the newest where it was, although letters were added meanwhile', () => {
    fc.assert(
      fc.property(someLetters, fc.integer({ min: 0, max: 60 }), (letters, count) => {
        const index = indexOf(letters.slice(0, count));
        const first = index.page({}, 'newest', 4);
        const rest = listOf(index, {}, 'newest', 4).slice(4);
        for (const letter of letters.slice(count)) index.add({ ...letter, failedAt: new Date(NOW_MS + 60_000) });
        const continued: string[] = [];
        let cursor = first.next;
        while (cursor !== undefined) {
          const page = index.page({}, 'newest', 4, cursor);
          continued.push(...page.places.map(placeOf));
          cursor = page.next;
        }
        expect(continued).toEqual(first.next === undefined ? [] : rest);
      }),
    );
  });

  it('groups the letters of a filter as they are listed', () => {
    fc.assert(
      fc.property(someLetters, someFilter, (letters, filter) => {
        const groups = indexOf(letters).groups(filter, NOW_MS);
        const wanted = Map.groupBy(
          letters.filter((letter) => meets(letter, filter)),
          ({ fingerprint }) => fingerprint,
        );
        expect(new Map(groups.map(({ fingerprint, count }) => [fingerprint, count]))).toEqual(
          new Map([...wanted].map(([fingerprint, { length }]) => [fingerprint, length])),
        );
        for (const { fingerprint, firstFailedAt, lastFailedAt, hourly, count, samples } of groups) {
          const times = (wanted.get(fingerprint) ?? []).map(({ failedAt }) => failedAt.getTime());
          expect([firstFailedAt.getTime(), lastFailedAt.getTime()]).toEqual([Math.min(...times), Math.max(...times)]);
          // All failed within the last hour.
          expect(hourly.at(-1)).toBe(count);
          expect(samples).toHaveLength(Math.min(3, count));
        }
      }),
    );
  });

  it('forgets what retention has removed, and goes on from the same offset', () => {
    const topic = deadLetterTopic(SOURCES[0] ?? '', 'validator');
    const letters = Array.from({ length: 600 }, (_, i) => letterOf({ topic, partition: 0, offset: 2 * i }));
    const index = indexOf(letters);
    index.removeBelow(topic, 0, 1_001);
    expect(index.count).toBe(99);
    expect(listOf(index, {}, 'oldest', 50)[0]).toBe(`${topic}/0@1002`);
    index.removeBelow(topic, 0, 5_000);
    expect([index.count, index.nextOffset(topic, 0)]).toEqual([0, 1_199]);
    expect(() => {
      index.add(letterOf({ topic, partition: 0, offset: 1_198 }));
    }).toThrow(RangeError);
    index.add(letterOf({ topic, partition: 0, offset: 1_199 }));
    expect(listOf(index, {}, 'newest', 50)).toEqual([`${topic}/0@1199`]);
  });

  it('forgets the first letters of the largest partition when it is full, and says how many', () => {
    const topic = deadLetterTopic(SOURCES[0] ?? '', 'validator');
    const small = letterOf({ topic, partition: 1, offset: 0 });
    const letters = Array.from({ length: 1_500 }, (_, i) => letterOf({ topic, partition: 0, offset: i }));
    const index = indexOf([small, ...letters], 1_000);
    expect(index.count).toBeLessThanOrEqual(1_000);
    expect(index.count + index.forgotten).toBe(1_501);
    expect(index.page({ sourcePartition: 1 }, 'oldest', 5).places).toHaveLength(1);
    expect(index.page({}, 'newest', 1).places.map(placeOf)).toEqual([`${topic}/1@0`]);
  });

  it.each<[string, string]>([
    ['is no base64', '???'],
    ['is of another filter', ''],
    ['lacks its values', Buffer.from('[1]').toString('base64url')],
  ])('rejects a cursor that %s', (_, text) => {
    const topic = deadLetterTopic(SOURCES[0] ?? '', 'validator');
    const index = indexOf([0, 1, 2].map((offset) => letterOf({ topic, partition: 0, offset })));
    const cursor = text === '' ? index.page({ key: 'a' }, 'newest', 1).next : text;
    expect(() => index.page({ reason: 'x' }, 'newest', 1, cursor)).toThrow(CursorRejectedError);
    expect(() => index.page({ key: 'a' }, 'oldest', 1, cursor)).toThrow(CursorRejectedError);
  });
});

import { type DeadLetter, LetterIndex, type LetterPlace } from '@orderstream/dead-letters';
import { type KafkaRecord } from '@orderstream/kafka';
import fc from 'fast-check';
import { ConsoleProblem } from '../problems';
import { LetterSearch } from './letter-search';

const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';
const nameOf = ({ topic, partition, offset }: LetterPlace): string => `${topic}/${String(partition)}/${String(offset)}`;

/** Letters of two partitions, whose field `n` is their number. */
function searchOf(count: number, fieldOf: (at: number) => number = (at) => at % 3, readMs = 0) {
  const index = new LetterIndex(1_000_000);
  const records = new Map<string, KafkaRecord>();
  const letters = new Map<string, DeadLetter>();
  for (let at = 0; at < count; at++) {
    const place = { topic: TOPIC, partition: at % 2, offset: at >> 1 };
    const time = new Date(Date.UTC(2026, 2, 1) + at * 1_000);
    const letter: DeadLetter = {
      ...place,
      ...{ app: 'validator', reason: 'time.in_future', reasons: [{ code: 'time.in_future' }] },
      source: { ...place, topic: 'marketplace.orders.raw.v1', timestamp: time },
      ...{ failedAt: time, firstFailedAt: time, attempt: 1, fingerprint: 'f', cut: undefined, batch: undefined },
      ...{ replay: undefined, needsEdit: false, headers: {} },
      key: Buffer.from(`key-${String(at)}`),
      value: Buffer.from(JSON.stringify({ n: fieldOf(at) })),
    };
    index.add(letter);
    letters.set(nameOf(place), letter);
    records.set(nameOf(place), { ...place, timestamp: 0, key: null, value: null, headers: {} });
  }
  let nowMs = Date.UTC(2026, 2, 2);
  return new LetterSearch({
    index,
    nowMs: () => nowMs,
    maxRead: { ofPage: 1_000, ofGroups: 2_000 },
    log: { nextOffset: () => count },
    lookup: {
      read: (places, onRecord) => {
        nowMs += readMs;
        for (const place of places) {
          const record = records.get(nameOf(place));
          if (record !== undefined) onRecord(record);
        }
        return Promise.resolve();
      },
    },
    parse: (record) => letters.get(nameOf(record)),
  });
}

async function allPages(search: LetterSearch, fields: Readonly<Record<string, string>>, limit: number) {
  const keys: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await search.page({ fields }, 'oldest', { limit, cursor }, ({ key }) => String(key));
    expect(page.letters.length).toBeLessThanOrEqual(limit);
    keys.push(...page.letters);
    if (page.next === undefined) return keys;
    cursor = page.next;
  }
}

describe('the search for dead letters', () => {
  it('finds each letter with a field once, whatever the size of a page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        async (values, limit) => {
          const search = searchOf(values.length, (at) => values[at] ?? 0);
          const expected = values.flatMap((value, at) => (value === 1 ? [`key-${String(at)}`] : []));
          expect(await allPages(search, { n: '1' }, limit)).toEqual(expected);
        },
      ),
    );
  });

  it('ends a page when it has read its bound of letters in vain, and goes on behind them', async () => {
    const search = searchOf(2_500, (at) => (at === 2_400 ? 1 : 0));
    const first = await search.page({ fields: { n: '1' } }, 'oldest', { limit: 5, cursor: undefined }, String);
    expect([first.letters.length, first.next === undefined]).toEqual([0, false]);
    expect(await allPages(search, { n: '1' }, 5)).toEqual(['key-2400']);
  });

  it('groups by the fields of the letters, and rejects what would read too many', async () => {
    const fields = { n: '1' };
    expect((await searchOf(300).groups({ fields })).map(({ count }) => count)).toEqual([100]);
    const tooMany = searchOf(2_600).groups({ fields });
    await expect(tooMany).rejects.toThrow(ConsoleProblem);
    await expect(tooMany).rejects.toMatchObject({ status: 422 });
    await expect(tooMany).rejects.toThrow(/the 2,000 that one request may read/);
  });

  it('ends groups that take too long, before who asks for them does', async () => {
    const fields = { n: '1' };
    const search = (readMs: number) => searchOf(1_600, undefined, readMs).groups({ fields });
    expect((await search(4_900)).map(({ count }) => count)).toEqual([533]);
    await expect(search(5_100)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('the 1,500 that 15 s allow') as string,
    });
  });
});

import { endsToAwait, endsToRead, type RawCatalogBounds } from './catalog-ends';

/** Answers with one high watermark after the other for the second of two partitions, then always with the last one. */
function answers(...highWatermarks: number[]): { asked: () => number; fetch: () => Promise<RawCatalogBounds> } {
  let asked = 0;
  return {
    asked: () => asked,
    fetch: () => {
      const end = highWatermarks[Math.min(asked++, highWatermarks.length - 1)] ?? 0;
      return Promise.resolve({ beginnings: [0, 0], highWatermarks: [50, end] });
    },
  };
}

const READ = [50, 1_000];

describe('the ends of the raw catalog that are awaited', () => {
  it.each<[string, number[], number[] | undefined, number]>([
    ['the log goes on', [1_200], [50, 1_200], 1],
    ['all of the log has been read', [1_000], [50, 1_000], 1],
    ['the end is lower for a moment, as of a broker that has just started', [400, 1_200], [50, 1_200], 2],
    ['the topic was deleted and re-created, and is empty', [0], undefined, 3],
    ['the topic was re-created, and is shorter than what was read', [999], undefined, 3],
    ['the log was truncated', [900], undefined, 3],
    ['the re-created topic is longer than what was read', [1_001], [50, 1_001], 1],
  ])('when %s', async (_, highWatermarks, ends, asked) => {
    const broker = answers(...highWatermarks);
    expect(await endsToAwait(READ, broker.fetch, 1)).toEqual(ends);
    expect(broker.asked()).toBe(asked);
  });

  it('are those of the same log, although more of it is read before the answer arrives', async () => {
    const read = [50, 1_000];
    const ends = await endsToAwait(read, () => {
      const highWatermarks = [50, 1_000];
      read[1] = 1_400;
      return Promise.resolve({ beginnings: [0, 0], highWatermarks });
    });
    expect(ends).toEqual([50, 1_000]);
  });

  it('are none in a partition whose records retention has removed', () => {
    expect(endsToRead([0, 7, 3], [5, 7, 4])).toEqual([5, 0, 4]);
  });
});

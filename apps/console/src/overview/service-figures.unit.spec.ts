import { parseSamples } from './prometheus-text';
import { figuresOf, readScrape } from './service-figures';

const scrape = (atMs: number, counts: Readonly<Record<string, number>>, buckets: readonly [string, number][] = []) =>
  readScrape(
    [
      ...Object.entries(counts).map(
        ([outcome, count]) => `orderstream_records_total{family="orders",outcome="${outcome}"} ${String(count)}`,
      ),
      ...buckets.map(
        ([le, count]) => `orderstream_freshness_seconds_bucket{le="${le}",family="orders"} ${String(count)}`,
      ),
    ].join('\n'),
    atMs,
  );

describe('the figures of a service', () => {
  it('have rates against the scrape before', () => {
    const before = scrape(0, { accepted: 100, skipped: 5 });
    const now = scrape(4_000, { accepted: 300, skipped: 5, repaired: 2 });
    expect(figuresOf(now, before).recordsPerSecond).toEqual({ accepted: 50, skipped: 0, repaired: 0.5 });
    expect(figuresOf(now, undefined).recordsPerSecond).toBeUndefined();
  });

  it('have no rate over a restart of the service', () => {
    expect(figuresOf(scrape(4_000, { accepted: 3 }), scrape(0, { accepted: 100 })).recordsPerSecond).toBeUndefined();
  });

  it('have the bucket in which the 95th percentile of what was observed since then lies', () => {
    const before = scrape(0, {}, [
      ['0.5', 1_000],
      ['1', 1_000],
      ['+Inf', 1_000],
    ]);
    const now = scrape(4_000, {}, [
      ['0.5', 1_090],
      ['1', 1_096],
      ['+Inf', 1_100],
    ]);
    expect(figuresOf(now, before).freshnessP95Seconds).toBe(1);
    expect(figuresOf(before, before).freshnessP95Seconds).toBeUndefined();
  });
});

describe('a scrape', () => {
  it('is read with escaped labels, and without what is not readable', () => {
    const text = 'a{x="1\\"2",y="}"} 4\na 5\nb 6\na{x="cut';
    expect(parseSamples(text, new Set(['a'])).get('a')).toEqual([
      { labels: { x: '1"2', y: '}' }, value: 4 },
      { labels: {}, value: 5 },
    ]);
  });
});

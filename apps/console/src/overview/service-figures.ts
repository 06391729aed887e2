import { METRIC } from '@orderstream/observability';
import { parseSamples, type Sample } from './prometheus-text';

const BUCKETS = `${METRIC.freshness.name}_bucket`;
const NAMES: ReadonlySet<string> = new Set([
  METRIC.records.name,
  METRIC.consumerLagRecords.name,
  METRIC.consumerLagSeconds.name,
  BUCKETS,
]);

/** What a scrape says, before it is compared with an earlier one. */
export interface Scrape {
  readonly atMs: number;
  /** Records settled, by outcome. */
  readonly records: Readonly<Record<string, number>>;
  readonly lagRecords: number | undefined;
  readonly lagSeconds: number | undefined;
  /** Cumulative counts of the freshness histogram, by upper bound in seconds. */
  readonly freshness: ReadonlyMap<number, number>;
}

export interface Figures {
  /** Sum over the partitions, up to the high watermark. */
  readonly lagRecords?: number;
  /** Of the partition that is furthest behind. */
  readonly lagSeconds?: number;
  /** Records settled per second since the scrape before, by outcome. */
  readonly recordsPerSecond?: Readonly<Record<string, number>>;
  /** 95th percentile since the scrape before: an upper bound, by the buckets of the histogram. */
  readonly freshnessP95Seconds?: number;
}

export function readScrape(text: string, atMs: number): Scrape {
  const samples = parseSamples(text, NAMES);
  const of = (name: string): readonly Sample[] => samples.get(name) ?? [];
  const values = (name: string): number[] => of(name).map(({ value }) => value);
  const records: Record<string, number> = {};
  for (const { labels, value } of of(METRIC.records.name)) {
    const outcome = labels.outcome ?? 'unknown';
    records[outcome] = (records[outcome] ?? 0) + value;
  }
  const freshness = new Map<number, number>();
  for (const { labels, value } of of(BUCKETS)) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
    freshness.set(bound, (freshness.get(bound) ?? 0) + value);
  }
  const lags = values(METRIC.consumerLagRecords.name);
  const ages = values(METRIC.consumerLagSeconds.name);
  return {
    atMs,
    records,
    lagRecords: lags.length === 0 ? undefined : lags.reduce((sum, lag) => sum + lag, 0),
    lagSeconds: ages.length === 0 ? undefined : Math.max(...ages),
    freshness,
  };
}

/** The figures of a scrape; rates are against an earlier one of the same process. */
export function figuresOf(now: Scrape, before: Scrape | undefined): Figures {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000;
  const rates = before === undefined || seconds <= 0 ? undefined : ratesOf(now, before, seconds);
  const p95 = before === undefined ? undefined : percentile95(now.freshness, before.freshness);
  return {
    ...(now.lagRecords === undefined ? {} : { lagRecords: now.lagRecords }),
    ...(now.lagSeconds === undefined ? {} : { lagSeconds: rounded(now.lagSeconds) }),
    ...(rates === undefined ? {} : { recordsPerSecond: rates }),
    ...(p95 === undefined ? {} : { freshnessP95Seconds: p95 }),
  };
}

/** Undefined when a counter went back: the service was restarted in between. */
function ratesOf(now: Scrape, before: Scrape, seconds: number): Readonly<Record<string, number>> | undefined {
  const rates: Record<string, number> = {};
  for (const [outcome, count] of Object.entries(now.records)) {
    const added = count - (before.records[outcome] ?? 0);
    if (added < 0) return undefined;
    rates[outcome] = rounded(added / seconds);
  }
  return Object.keys(rates).length === 0 ? undefined : rates;
}

/** Undefined when nothing was observed in between, or the observation is above every bound. */
function percentile95(now: ReadonlyMap<number, number>, before: ReadonlyMap<number, number>): number | undefined {
  const added = [...now].map(([bound, count]): [number, number] => [bound, count - (before.get(bound) ?? 0)]);
  const total = now.has(Infinity) ? (added.find(([bound]) => bound === Infinity)?.[1] ?? 0) : 0;
  if (total <= 0) return undefined;
  const bounds = added.filter(([, count]) => count >= 0.95 * total).map(([bound]) => bound);
  const lowest = Math.min(...bounds);
  return Number.isFinite(lowest) ? lowest : undefined;
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

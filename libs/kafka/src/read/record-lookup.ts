import { type Kafka } from 'kafkajs';
import { Backoff } from '../backoff';
import { LogUnreadableError, OffsetOutOfRangeError, ReadTimeoutError } from '../errors';
import { type KafkaRecord } from '../record';
import { partitionName } from '../topic-partition';
import { type Fetched, type FetchFailed, LogClient, type Wanted } from './log-client';
import { permanentErrorOf } from './permanent-error';

/** A partition, and the offsets that are still to be read from it, ascending. */
interface Pending {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: readonly number[];
  /** Index of the next one. */
  at: number;
}

/** Few records lie beside the wanted ones. A broker returns a whole batch, however large it is. */
const BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 131_072, maxBytes: 2 * 1_048_576 };
const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * Reads single committed records by their places, without a consumer group, over connections that it keeps.
 *
 * Failure semantics: reads only. It retries while a broker is away or a leader moves, until the deadline of the call.
 */
export class RecordLookup {
  private readonly client: LogClient;

  constructor(
    kafka: Kafka,
    private readonly timeoutMs = DEFAULT_TIMEOUT_MS,
  ) {
    this.client = new LogClient(kafka, 'committed');
  }

  /**
   * Calls `onRecord` for each of the records, in the order of their offsets within a partition. A record that the log does
   * not hold any more, or whose batch cannot be decoded, is left out.
   *
   * @throws ReadTimeoutError
   */
  async read(places: readonly Wanted[], onRecord: (record: KafkaRecord) => void): Promise<void> {
    const pending = pendingOf(places);
    const topics = [...new Set(places.map(({ topic }) => topic))];
    const deadline = performance.now() + this.timeoutMs;
    const backoff = new Backoff(20, 500);
    for (let round = 0; ; round++) {
      const open = pending.filter(({ offsets, at }) => at < offsets.length);
      if (open.length === 0) return;
      let failure: unknown;
      try {
        await this.client.connect(topics);
        failure = await this.fetchOnce(rotated(open, round), onRecord);
      } catch (error) {
        failure = error;
        await this.client.refresh().catch(() => undefined);
      }
      if (failure === undefined) backoff.reset();
      if (performance.now() >= deadline) throw this.timeoutOf(open, failure);
      if (failure !== undefined) await backoff.wait();
    }
  }

  async close(): Promise<void> {
    await this.client.disconnect().catch(() => undefined);
  }

  /** @returns why nothing could be read from a partition; undefined if all could */
  private async fetchOnce(open: readonly Pending[], onRecord: (record: KafkaRecord) => void): Promise<unknown> {
    const byLeader = new Map<number, Pending[]>();
    let failure: unknown;
    for (const one of open) {
      const leader = this.client.leaderOf(one);
      if (leader === undefined) failure = new Error(`${partitionName(one)} has no leader`);
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), one]);
    }
    let hasProgress = false;
    for (const [leader, group] of byLeader) {
      const results = await this.client.fetch(leader, group.map(wantedOf), BOUNDS);
      for (const result of results) {
        const one = group.find(({ topic, partition }) => topic === result.topic && partition === result.partition);
        if (one === undefined) continue;
        const before = one.at;
        if (result.ok) take(one, result, onRecord);
        else failure = (await this.leaveOut(one, result)) ?? failure;
        hasProgress ||= one.at > before;
      }
    }
    // A response that is full does not reach every partition, and cuts a batch that is larger than its share.
    if (!hasProgress) failure ??= await this.leaveOutBehindTheEnd(open);
    if (failure !== undefined) await this.client.refresh();
    return failure;
  }

  /** @returns the error, if a retry may help */
  private async leaveOut(one: Pending, failed: FetchFailed): Promise<unknown> {
    const error = permanentErrorOf(failed);
    if (error instanceof OffsetOutOfRangeError) {
      const { topic, partition } = one;
      const begin = (await this.client.edges(topic, 'beginning', [partition])).get(partition) ?? Infinity;
      // Behind the end of the log as well: the topic was re-created.
      one.at = begin <= nextOf(one) ? one.offsets.length : one.at;
      while (nextOf(one) < begin) one.at++;
      return undefined;
    }
    if (!(error instanceof LogUnreadableError)) return failed.error;
    const end = error.batch?.nextOffset ?? nextOf(one) + 1;
    while (nextOf(one) < end) one.at++;
    return undefined;
  }

  /** @returns an error if none of the partitions ends before what is wanted of it: a retry may help */
  private async leaveOutBehindTheEnd(open: readonly Pending[]): Promise<Error | undefined> {
    let hasProgress = false;
    for (const one of open) {
      const { topic, partition, offsets } = one;
      const end = (await this.client.edges(topic, 'end', [partition])).get(partition) ?? Infinity;
      if (nextOf(one) < end) continue;
      one.at = offsets.length;
      hasProgress = true;
    }
    return hasProgress ? undefined : new Error('a response had no record');
  }

  private timeoutOf(open: readonly Pending[], cause: unknown): ReadTimeoutError {
    const names = open.map(partitionName).join(', ');
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    return new ReadTimeoutError(
      `Reading single records of ${names} did not end within ${this.timeoutMs.toString()} ms${why}. Check that their leaders are running.`,
      { cause },
    );
  }
}

const nextOf = ({ offsets, at }: Pending): number => offsets[at] ?? Infinity;

function take(one: Pending, { records, nextOffset }: Fetched, onRecord: (record: KafkaRecord) => void): void {
  for (const record of records) {
    while (nextOf(one) < record.offset) one.at++;
    if (nextOf(one) !== record.offset) continue;
    one.at++;
    onRecord(record);
  }
  while (nextOf(one) < nextOffset) one.at++;
}

const wantedOf = (one: Pending): Wanted => ({ topic: one.topic, partition: one.partition, offset: nextOf(one) });

/** A broker fills its response in the order of the request: each round starts with another partition. */
const rotated = <T>(items: readonly T[], by: number): T[] => [
  ...items.slice(by % items.length),
  ...items.slice(0, by % items.length),
];

function pendingOf(places: readonly Wanted[]): Pending[] {
  const byName = new Map<string, Wanted[]>();
  for (const place of places) {
    const name = partitionName(place);
    const group = byName.get(name);
    if (group === undefined) byName.set(name, [place]);
    else group.push(place);
  }
  return [...byName.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const offsets = [...new Set(group.map(({ offset }) => offset))].sort((a, b) => a - b);
    return [{ topic: first.topic, partition: first.partition, offsets, at: 0 }];
  });
}

import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchEnds } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { DeadlineError } from '@orderstream/deadlines';
import { type Consumer } from '../stack/fault-stack';

/** A consumer group of a consumer, and all that it reads. */
interface Input {
  readonly group: string;
  readonly topics: readonly string[];
}

/** What each consumer reads, and the groups that keep its place. */
const INPUTS: Readonly<Record<Consumer, readonly Input[]>> = {
  validator: FAMILIES.map((family) => ({ group: `validator-${family}`, topics: [rawTopic(family)] })),
  'bq-sink': [{ group: 'bq-sink', topics: FAMILIES.map(validatedTopic) }],
  'pubsub-bridge': [{ group: 'pubsub-bridge', topics: [validatedTopic('orders')] }],
};

/** Commits of a consumer under load are about as far apart: asking more often would only load the machine. */
const ASK_INTERVAL_MS = 250;
const ASK_DEADLINE_MS = 10_000;

/** How one of the services came back. Seconds count from the end of the fault: the kill, or when all was whole again. */
export interface Recovery {
  readonly name: string;
  /** Until the committed position of every partition that had something to do had moved. */
  readonly movedSeconds: number;
  /** Until everything that was in its input when the fault ended was committed; undefined where that is not known. */
  readonly caughtUpSeconds: number | undefined;
  /** Records that this was, at the end of the fault. */
  readonly backlog: number | undefined;
}

/** Where a consumer is in one partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  readonly end: number;
}

/** Looks at committed positions; the only clock of recovery. */
export class Positions {
  private constructor(private readonly admin: Admin) {}

  static async connect(kafka: Kafka): Promise<Positions> {
    const admin = kafka.admin();
    await admin.connect();
    return new Positions(admin);
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  /** Records between the committed positions and the ends of the inputs; markers count. */
  async lag(consumer: Consumer): Promise<number> {
    return lagOf(await this.look(consumer));
  }

  /** Ends of the raw topics: what the generator got acknowledged moves them. */
  async produced(): Promise<number> {
    const ends = await Promise.all(FAMILIES.map((family) => fetchEnds(this.admin, rawTopic(family))));
    return ends.flat().reduce((sum, end) => sum + end, 0);
  }

  /** Where the consumer is in each partition of its input. */
  async look(consumer: Consumer): Promise<readonly Place[]> {
    const [committed, ends] = await Promise.all([this.committed(consumer), this.ends(consumer)]);
    return ends.map(({ topic, partition, end }) => ({
      topic,
      partition,
      end,
      committed: committed.get(`${topic}/${String(partition)}`) ?? 0,
    }));
  }

  /**
   * @param since performance.now() of the fault's end
   * @throws DeadlineError
   */
  async recovery(consumer: Consumer, since: number, deadlineMs: number): Promise<Recovery> {
    const seconds = (): number => (performance.now() - since) / 1_000;
    const until = since + deadlineMs;
    const first = await retried(() => this.look(consumer), until);
    const waiting = new Set(first.filter(({ committed, end }) => end > committed));
    let movedSeconds: number | undefined;
    for (;;) {
      // What there was at the end of the fault is known: only the commits have to be asked for.
      const now = await retried(() => this.committed(consumer), until);
      const committedNow = ({ topic, partition }: Place): number => now.get(`${topic}/${String(partition)}`) ?? 0;
      for (const place of waiting) if (committedNow(place) > place.committed) waiting.delete(place);
      if (waiting.size === 0) movedSeconds ??= seconds();
      const stuck = first.filter((place) => committedNow(place) < place.end);
      if (stuck.length === 0) {
        return {
          name: consumer,
          movedSeconds: movedSeconds ?? seconds(),
          caughtUpSeconds: seconds(),
          backlog: lagOf(first),
        };
      }
      if (performance.now() > until) {
        const places = stuck
          .slice(0, 4)
          .map((place) => `${placeName(place)} at ${String(committedNow(place))} of ${String(place.end)}`);
        throw new DeadlineError(`${consumer} to catch up: ${places.join(', ')}`, deadlineMs);
      }
      await delay(ASK_INTERVAL_MS);
    }
  }

  /** Committed positions by `topic/partition`. */
  private async committed(consumer: Consumer): Promise<ReadonlyMap<string, number>> {
    const groups = await Promise.all(
      INPUTS[consumer].map(({ group, topics }) => this.admin.fetchOffsets({ groupId: group, topics: [...topics] })),
    );
    const entries = groups
      .flat()
      .flatMap(({ topic, partitions }) =>
        partitions.map(
          ({ partition, offset }) => [`${topic}/${String(partition)}`, Math.max(0, Number(offset))] as const,
        ),
      );
    return new Map(entries);
  }

  private async ends(consumer: Consumer): Promise<Omit<Place, 'committed'>[]> {
    const topics = INPUTS[consumer].flatMap((input) => input.topics);
    const ends = await Promise.all(
      topics.map(async (topic) =>
        (await fetchEnds(this.admin, topic)).map((end, partition) => ({ topic, partition, end })),
      ),
    );
    return ends.flat();
  }
}

/** Records that wait. */
export const lagOf = (places: readonly Place[]): number =>
  places.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0);

const placeName = ({ topic, partition }: Place): string => `${topic}/${String(partition)}`;

/** A broker that comes back answers with errors for a moment. */
async function retried<T>(ask: () => Promise<T>, until: number): Promise<T> {
  const deadline = Math.max(until, performance.now() + ASK_DEADLINE_MS);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(ASK_INTERVAL_MS);
    }
  }
}

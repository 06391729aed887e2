import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchCommitted, fetchEnds } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';

import { DeadlineError } from '../../../../dev/src/errors';
import { type Consumer } from '../stack/fault-stack';

interface Input {
  readonly group: string;
  readonly topic: string;
}

/** What each consumer reads, and the group that keeps its place. */
const INPUTS: Readonly<Record<Consumer, readonly Input[]>> = {
  validator: FAMILIES.map((family) => ({ group: `validator-${family}`, topic: rawTopic(family) })),
  'bq-sink': FAMILIES.map((family) => ({ group: 'bq-sink', topic: validatedTopic(family) })),
  'pubsub-bridge': [{ group: 'pubsub-bridge', topic: validatedTopic('orders') }],
};

const ASK_INTERVAL_MS = 100;
const ASK_DEADLINE_MS = 10_000;

/** How one consumer came back. Seconds count from the end of the fault: the kill, or the moment when all was whole again. */
export interface Recovery {
  readonly consumer: Consumer;
  /** Until the committed position of every partition that had something to do had moved. */
  readonly movedSeconds: number;
  /** Until everything that was in its input when the fault ended was committed. */
  readonly caughtUpSeconds: number;
  /** Records that this was, at the end of the fault. */
  readonly backlog: number;
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
    const partitions = await this.look(consumer);
    return partitions.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0);
  }

  /** Ends of the raw topics: what the generator got acknowledged moves them. */
  async produced(): Promise<number> {
    const ends = await Promise.all(FAMILIES.map((family) => fetchEnds(this.admin, rawTopic(family))));
    return ends.flat().reduce((sum, end) => sum + end, 0);
  }

  /**
   * @param since performance.now() of the fault's end
   * @throws DeadlineError
   */
  async recovery(consumer: Consumer, since: number, deadlineMs: number): Promise<Recovery> {
    const seconds = (): number => (performance.now() - since) / 1_000;
    const first = await this.looked(consumer, since + deadlineMs);
    const goal = first.map(({ end }) => end);
    const start = first.map(({ committed }) => committed);
    const waiting = new Set(first.flatMap(({ committed, end }, index) => (end > committed ? [index] : [])));
    const backlog = first.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0);
    let movedSeconds = waiting.size === 0 ? seconds() : undefined;
    for (;;) {
      const now = await this.looked(consumer, since + deadlineMs);
      for (const index of waiting) if ((now[index]?.committed ?? 0) > (start[index] ?? 0)) waiting.delete(index);
      if (waiting.size === 0) movedSeconds ??= seconds();
      if (goal.every((end, index) => (now[index]?.committed ?? 0) >= end)) {
        return { consumer, movedSeconds: movedSeconds ?? seconds(), caughtUpSeconds: seconds(), backlog };
      }
      if (performance.now() - since > deadlineMs) {
        const stuck = now.flatMap(({ topic, partition, committed }, index) => {
          const end = goal[index] ?? 0;
          return committed < end ? [`${topic}/${String(partition)} at ${String(committed)} of ${String(end)}`] : [];
        });
        throw new DeadlineError(`${consumer} to catch up: ${stuck.slice(0, 4).join(', ')}`, deadlineMs);
      }
      await delay(ASK_INTERVAL_MS);
    }
  }

  /** A broker that comes back answers with errors for a moment. */
  private async looked(consumer: Consumer, until: number): ReturnType<Positions['look']> {
    const deadline = Math.max(until, performance.now() + ASK_DEADLINE_MS);
    for (;;) {
      try {
        return await this.look(consumer);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await delay(ASK_INTERVAL_MS);
      }
    }
  }

  private async look(
    consumer: Consumer,
  ): Promise<{ topic: string; partition: number; committed: number; end: number }[]> {
    const all = await Promise.all(
      INPUTS[consumer].map(async ({ group, topic }) => {
        const [committed, ends] = await Promise.all([
          fetchCommitted(this.admin, group, topic),
          fetchEnds(this.admin, topic),
        ]);
        return ends.map((end, partition) => ({ topic, partition, committed: committed[partition] ?? 0, end }));
      }),
    );
    return all.flat();
  }
}

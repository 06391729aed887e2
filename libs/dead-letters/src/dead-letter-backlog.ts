import { DEAD_LETTER_GROUP, type TopicSpec } from '@orderstream/contracts';
import { fetchCommittedOffsets, fetchLogBounds, fetchOffsetsSince } from '@orderstream/kafka';
import { METRIC, type Logger, type Metrics } from '@orderstream/observability';
import type { Admin } from 'kafkajs';

const INTERVAL_MS = 60_000;
/** Share of the retention after which an unread dead letter counts as expiring. */
const EXPIRING_SHARE = 0.8;

export type DeadLetterTopic = Pick<TopicSpec, 'name' | 'retentionMs'>;

export interface DeadLetterBacklogOptions {
  readonly topics: readonly DeadLetterTopic[];
  readonly createAdmin: () => Admin;
  readonly metrics: Metrics;
  readonly logger: Pick<Logger, 'warn'>;
  readonly nowMs?: () => number;
}

interface Backlog {
  readonly unread: number;
  readonly expiring: number;
}

/**
 * Measures each minute how many dead letters nobody has read, and how many of them retention deletes soon. Every instance
 * of a service reports the whole topic: take the maximum, not the sum.
 *
 * Failure semantics: reads only. While the broker does not answer, the metrics have no series.
 */
export class DeadLetterBacklog {
  private readonly backlogs = new Map<string, Backlog>();
  private admin: Admin | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly options: DeadLetterBacklogOptions) {
    options.metrics.gauge(METRIC.deadLettersUnread, (gauge) => {
      gauge.reset();
      for (const [topic, { unread }] of this.backlogs) gauge.set({ topic }, unread);
    });
    options.metrics.gauge(METRIC.deadLettersExpiring, (gauge) => {
      gauge.reset();
      for (const [topic, { expiring }] of this.backlogs) gauge.set({ topic }, expiring);
    });
  }

  /** Call it when the topics exist. */
  start(): void {
    void this.refresh();
    this.timer ??= setInterval(() => void this.refresh(), INTERVAL_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
    await this.disconnect();
  }

  /** Reads the offsets of all topics once. Concurrent calls share one. */
  refresh(): Promise<void> {
    return (this.running ??= this.refreshNow().finally(() => {
      this.running = undefined;
    }));
  }

  private async refreshNow(): Promise<void> {
    const { topics, logger } = this.options;
    try {
      const admin = await this.connect();
      for (const topic of topics) this.backlogs.set(topic.name, await this.measure(admin, topic));
    } catch (error) {
      this.backlogs.clear();
      await this.disconnect();
      logger.warn(
        { err: error, topics: topics.map(({ name }) => name) },
        'reading the offsets of the dead-letter topics failed; it is retried in a minute',
      );
    }
  }

  private async connect(): Promise<Admin> {
    if (this.admin !== undefined) return this.admin;
    const admin = this.options.createAdmin();
    this.admin = admin;
    await admin.connect();
    return admin;
  }

  private async disconnect(): Promise<void> {
    const { admin } = this;
    this.admin = undefined;
    await admin?.disconnect().catch(() => undefined);
  }

  private async measure(admin: Admin, { name, retentionMs }: DeadLetterTopic): Promise<Backlog> {
    const nowMs = (this.options.nowMs ?? Date.now)();
    const [{ beginnings, ends }, committed, fresh] = await Promise.all([
      fetchLogBounds(admin, name),
      fetchCommittedOffsets(admin, DEAD_LETTER_GROUP, name),
      retentionMs === undefined ? [] : fetchOffsetsSince(admin, name, Math.round(nowMs - EXPIRING_SHARE * retentionMs)),
    ]);
    let unread = 0;
    let expiring = 0;
    for (const [partition, end] of ends.entries()) {
      const from = Math.max(beginnings[partition] ?? 0, committed[partition] ?? 0);
      unread += Math.max(end - from, 0);
      expiring += Math.max(Math.min(fresh[partition] ?? 0, end) - from, 0);
    }
    return { unread, expiring };
  }
}

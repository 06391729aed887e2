import { partitionName } from '@orderstream/kafka';
import type { Check } from '@orderstream/observability';
import type { PublishCall, PublishClient } from '@orderstream/pubsub';

import type { PartitionBridge } from './partitions/partition-bridge';

const POLL_MS = 250;
/** The service is not ready when Pub/Sub has not answered, or was not connected, for longer than this. */
const MAX_SILENT_MS = 1_500;
/** Requests that fail at once say more than silence. */
const MAX_FAILING_MS = 500;

/** Whether Pub/Sub answers: the state of the connection, and of the publish requests. Answers from memory. */
export class PubSubHealth {
  private readonly pending = new Set<{ readonly sinceMs: number }>();
  private answeredMs = -Infinity;
  private disconnectedMs: number | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bridges: () => readonly PartitionBridge[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Observes the connection, which shows an outage while there is nothing to publish. */
  watch(client: Pick<PublishClient, 'connection'>): void {
    this.timer = setInterval(() => {
      if (client.connection === 'ready') this.disconnectedMs = undefined;
      else this.disconnectedMs ??= this.now();
    }, POLL_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** The call, with its requests observed. */
  observed(call: PublishCall): PublishCall {
    return async (messages, signal) => {
      const request = { sinceMs: this.now() };
      this.pending.add(request);
      try {
        await call(messages, signal);
      } finally {
        this.pending.delete(request);
        this.answeredMs = this.now();
      }
    };
  }

  check(): Check {
    const now = this.now();
    const failing = this.bridges().filter(
      (bridge) => bridge.failing !== undefined && now - bridge.failing.sinceMs > MAX_FAILING_MS,
    );
    const [first] = failing;
    if (first?.failing !== undefined) {
      const { error } = first.failing;
      return this.notReady(error instanceof Error ? error.message : String(error), failing);
    }
    const oldestMs = Math.min(...Array.from(this.pending, ({ sinceMs }) => sinceMs));
    const silentMs = now - Math.max(oldestMs, this.answeredMs);
    if (this.pending.size > 0 && silentMs > MAX_SILENT_MS) {
      return this.notReady(`Pub/Sub has not answered a publish request for ${seconds(silentMs)} s`, this.waiting());
    }
    if (this.disconnectedMs !== undefined && now - this.disconnectedMs > MAX_SILENT_MS - POLL_MS) {
      return this.notReady(`no connection to Pub/Sub for ${seconds(now - this.disconnectedMs)} s`, this.waiting());
    }
    return { ok: true };
  }

  private waiting(): readonly PartitionBridge[] {
    return this.bridges().filter(({ unacknowledged }) => unacknowledged > 0);
  }

  /** Names the partitions that do not move. */
  private notReady(error: string, bridges: readonly PartitionBridge[]): Check {
    const partitions = bridges.map(({ partition }) => partitionName(partition)).sort();
    return { ok: false, detail: { error, partitions } };
  }
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);

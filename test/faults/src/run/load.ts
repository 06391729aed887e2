import { setTimeout as delay } from 'node:timers/promises';

import { waitUntil } from '@orderstream/deadlines';
import { type TableReader } from '@orderstream/ledger';

import { type FaultStack } from '../stack/fault-stack';
import { type CommittedOffsets } from './committed-offsets';

const POLL_INTERVAL_MS = 1_000;
const COMMAND_DEADLINE_MS = 60_000;
/** Undelivered orders whose number has not changed for this long are lost, and not awaited any more. */
const UNCHANGED_MS = 30_000;
const TABLES = { sink: 'order_events', subscription: 'streaming_orders' } as const;

/**
 * Runs the generator, and pauses it while more than `maxLag` records wait for the validator or the sink, or more than half
 * as many orders wait in the subscription. The emulator takes some thousand rows a second: without the pauses the queue
 * would grow from fault to fault.
 */
export class Load {
  private isPaused = false;
  private isWanted = false;
  private regulation: Promise<void> = Promise.resolve();
  private readonly tables: TableReader;
  /** Orders in the sink's table that streaming_orders does not get: delivered before, or lost. */
  private notAwaited: number | undefined;
  private undeliveredOrders = { count: 0, since: 0 };
  pausedMs = 0;
  maxLagSeen = 0;

  constructor(
    private readonly stack: FaultStack,
    private readonly offsets: CommittedOffsets,
    private readonly maxLag: number,
  ) {
    this.tables = stack.tables();
  }

  async start(): Promise<void> {
    this.isWanted = true;
    const generator = this.stack.instance('order-generator');
    if (generator.isRunning) await this.command('start');
    else {
      await generator.up();
      await generator.ready();
    }
    this.regulation = this.regulate();
  }

  /** When it resolves, every record is acknowledged or given up, and no record follows. */
  async stop(): Promise<void> {
    this.isWanted = false;
    await this.regulation;
    await this.stack.instance('order-generator').ready();
    await this.command('stop');
  }

  /** Stops the regulation and leaves the generator as it is. */
  abandon(): void {
    this.isWanted = false;
  }

  private async regulate(): Promise<void> {
    while (this.isWanted) {
      await delay(POLL_INTERVAL_MS);
      try {
        const lag = (await this.offsets.lag('validator')) + (await this.offsets.lag('bq-sink'));
        this.maxLagSeen = Math.max(this.maxLagSeen, lag);
        // Twice the orders, since about half of the records are orders.
        const queue = Math.max(lag, 2 * (await this.undelivered()));
        const pause = this.isPaused ? queue > this.maxLag / 2 : queue > this.maxLag;
        // Repeated at each poll: a generator that was restarted in between does not know that it is paused.
        if (pause || this.isPaused) await this.stack.service('order-generator').postAdmin(pause ? 'stop' : 'start');
        this.isPaused = pause;
      } catch {
        // The broker or the generator is down. The next poll tries again.
      }
      if (this.isPaused) this.pausedMs += POLL_INTERVAL_MS;
    }
    this.isPaused = false;
  }

  /** Orders that the sink has appended and the subscription has not delivered yet. Orders that Pub/Sub has lost do not count. */
  private async undelivered(): Promise<number> {
    const rows = await this.tables.counts(Object.values(TABLES));
    const count = (rows[TABLES.sink] ?? 0) - (rows[TABLES.subscription] ?? 0);
    const now = performance.now();
    this.notAwaited ??= count;
    if (count !== this.undeliveredOrders.count) this.undeliveredOrders = { count, since: now };
    else if (now - this.undeliveredOrders.since > UNCHANGED_MS) this.notAwaited = count;
    return count - this.notAwaited;
  }

  private async command(action: 'start' | 'stop'): Promise<void> {
    await waitUntil(
      async () => {
        await this.stack.service('order-generator').postAdmin(action);
        return true;
      },
      { what: `the generator to ${action}`, deadlineMs: COMMAND_DEADLINE_MS, intervalMs: 200 },
    );
  }
}

import { setTimeout as delay } from 'node:timers/promises';

import { type TableReader } from '@orderstream/ledger';
import { type FaultStack } from '../stack/fault-stack';
import { type Positions } from './positions';

const LOOK_INTERVAL_MS = 1_000;
const START_DEADLINE_MS = 60_000;
/** What cannot be told goes out of the rule after so long without a change. */
const STILL_MS = 30_000;
const TABLES = { sink: 'order_events', subscription: 'streaming_orders' } as const;

/**
 * Keeps the generator going, and lets the tables catch up: the emulator takes some thousand rows a second, so that a load
 * that never rested would only lengthen the queue behind every fault. The generator rests while more than `maxLag` records
 * wait for the validator or the sink, or more than half as many orders wait in the subscription.
 */
export class Load {
  private resting = false;
  private wanted = false;
  private running: Promise<void> = Promise.resolve();
  private readonly tables: TableReader;
  /** Orders in the sink's table and not in the subscription's, as it was when nothing waited. */
  private alwaysApart: number | undefined;
  private apart = { orders: 0, since: 0 };
  restedMs = 0;
  maxLagSeen = 0;

  constructor(
    private readonly stack: FaultStack,
    private readonly positions: Positions,
    private readonly maxLag: number,
  ) {
    this.tables = stack.tables();
  }

  async start(): Promise<void> {
    this.wanted = true;
    const generator = this.stack.instance('order-generator');
    if (generator.isRunning) await this.tell('start');
    else {
      await generator.up();
      await generator.ready();
    }
    this.running = this.regulate();
  }

  /** What was sent is acknowledged or given up; nothing follows. */
  async stop(): Promise<void> {
    this.wanted = false;
    await this.running;
    await this.stack.instance('order-generator').ready();
    await this.tell('stop');
  }

  /** Looks after the generator no longer. */
  abandon(): void {
    this.wanted = false;
  }

  private async regulate(): Promise<void> {
    while (this.isWanted()) {
      await delay(LOOK_INTERVAL_MS);
      try {
        const lag = (await this.positions.lag('validator')) + (await this.positions.lag('bq-sink'));
        this.maxLagSeen = Math.max(this.maxLagSeen, lag);
        // Half as many orders as records: with the same factor both are at their limits.
        const queue = Math.max(lag, 2 * (await this.undelivered()));
        const rest = this.resting ? queue > this.maxLag / 2 : queue > this.maxLag;
        // Said again each time: a generator that was killed meanwhile does not know that it rests.
        if (rest || this.resting) await this.stack.tell('order-generator', rest ? 'stop' : 'start');
        this.resting = rest;
      } catch {
        // The broker or the generator is away: asked again in a moment.
      }
      if (this.resting) this.restedMs += LOOK_INTERVAL_MS;
    }
    this.resting = false;
  }

  /**
   * Orders that the sink has and the subscription has not delivered. What Pub/Sub has lost is never delivered: a number that
   * stands still for a while is taken for nothing.
   */
  private async undelivered(): Promise<number> {
    const rows = await this.tables.counts(Object.values(TABLES));
    const orders = (rows[TABLES.sink] ?? 0) - (rows[TABLES.subscription] ?? 0);
    const now = performance.now();
    this.alwaysApart ??= orders;
    if (orders !== this.apart.orders) this.apart = { orders, since: now };
    else if (now - this.apart.since > STILL_MS) this.alwaysApart = orders;
    return orders - this.alwaysApart;
  }

  private async tell(what: 'start' | 'stop'): Promise<void> {
    const until = performance.now() + START_DEADLINE_MS;
    for (;;) {
      try {
        await this.stack.tell('order-generator', what);
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
        await delay(200);
      }
    }
  }

  private isWanted(): boolean {
    return this.wanted;
  }
}

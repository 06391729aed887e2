import { setTimeout as delay } from 'node:timers/promises';

import { type FaultStack } from '../stack/fault-stack';
import { type Positions } from './positions';

const LOOK_INTERVAL_MS = 1_000;
const START_DEADLINE_MS = 60_000;

/**
 * Keeps the generator going, and lets the tables catch up: the stand-in takes 2,000 to 5,000 rows a second, so that a load
 * that never rested would only lengthen the queue behind every fault. The generator rests while more than `maxLag` records
 * wait for the validator or the sink.
 */
export class Load {
  private resting = false;
  private wanted = false;
  private running: Promise<void> = Promise.resolve();
  restedMs = 0;
  maxLagSeen = 0;

  constructor(
    private readonly stack: FaultStack,
    private readonly positions: Positions,
    private readonly maxLag: number,
  ) {}

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

  private async regulate(): Promise<void> {
    while (this.isWanted()) {
      await delay(LOOK_INTERVAL_MS);
      try {
        const lag = (await this.positions.lag('validator')) + (await this.positions.lag('bq-sink'));
        this.maxLagSeen = Math.max(this.maxLagSeen, lag);
        const rest = this.resting ? lag > this.maxLag / 2 : lag > this.maxLag;
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

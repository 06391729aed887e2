import { setTimeout as delay } from 'node:timers/promises';

import { type Consumer } from '../stack/fault-stack';
import { lagOf, type Place, type Positions } from './positions';

const LOOK_INTERVAL_MS = 500;
/** Half an hour; what is older is no longer looked back to. */
const MAX_LOOKS = 3_600;

/** The most that a consumer was behind in some time. */
export interface LargestLag {
  readonly records: number;
  /** How long the oldest record that was not committed had been in the log. */
  readonly seconds: number;
}

const NONE: LargestLag = { records: 0, seconds: 0 };

/** Looks at how far a consumer is behind, in records and in time, until it is told to stop. */
export class LagWatch {
  private readonly ends: { readonly at: number; readonly ends: readonly number[] }[] = [];
  private largest = NONE;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly positions: Positions,
    private readonly consumer: Consumer,
  ) {
    this.running = this.watch();
  }

  /** The largest lag since the last call, or since the beginning. */
  take(): LargestLag {
    const { largest } = this;
    this.largest = NONE;
    return largest;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async watch(): Promise<void> {
    while (!this.isStopped()) {
      // A broker that is away tells nothing: the time counts when it is back.
      const places = await this.positions.look(this.consumer).catch(() => undefined);
      if (places !== undefined) this.note(places);
      await delay(LOOK_INTERVAL_MS);
    }
  }

  private note(places: readonly Place[]): void {
    const now = performance.now();
    this.ends.push({ at: now, ends: places.map(({ end }) => end) });
    if (this.ends.length > MAX_LOOKS) this.ends.shift();
    const oldest = places.map(({ committed, end }, index) => {
      if (committed >= end) return now;
      return this.ends.find(({ ends }) => (ends[index] ?? 0) > committed)?.at ?? now;
    });
    this.largest = {
      records: Math.max(this.largest.records, lagOf(places)),
      seconds: Math.max(this.largest.seconds, (now - Math.min(...oldest)) / 1_000),
    };
  }

  private isStopped(): boolean {
    return this.stopped;
  }
}

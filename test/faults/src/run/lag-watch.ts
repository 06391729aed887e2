import { setTimeout as delay } from 'node:timers/promises';

import { type Consumer } from '../stack/fault-stack';
import { type CommittedOffsets, lagOf, type PartitionOffsets } from './committed-offsets';

const POLL_INTERVAL_MS = 500;
/** Samples of half an hour. */
const MAX_SAMPLES = 3_600;

/** The largest lag of a consumer in a period. */
export interface LargestLag {
  readonly records: number;
  /** Age of the oldest record that was not committed. */
  readonly seconds: number;
}

const NONE: LargestLag = { records: 0, seconds: 0 };

/** Samples the lag of a consumer, in records and in time, until it is stopped. */
export class LagWatch {
  private readonly samples: { readonly at: number; readonly ends: readonly number[] }[] = [];
  private largest = NONE;
  private isStopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly offsets: CommittedOffsets,
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
    this.isStopped = true;
    await this.running;
  }

  private async watch(): Promise<void> {
    while (!this.isStopped) {
      // Without a broker there is no sample. The first one afterwards has the whole lag.
      const partitions = await this.offsets.read(this.consumer).catch(() => undefined);
      if (partitions !== undefined) this.add(partitions);
      await delay(POLL_INTERVAL_MS);
    }
  }

  private add(partitions: readonly PartitionOffsets[]): void {
    const now = performance.now();
    this.samples.push({ at: now, ends: partitions.map(({ end }) => end) });
    if (this.samples.length > MAX_SAMPLES) this.samples.shift();
    const oldest = partitions.map(({ committed, end }, index) => {
      if (committed >= end) return now;
      return this.samples.find(({ ends }) => (ends[index] ?? 0) > committed)?.at ?? now;
    });
    this.largest = {
      records: Math.max(this.largest.records, lagOf(partitions)),
      seconds: Math.max(this.largest.seconds, (now - Math.min(...oldest)) / 1_000),
    };
  }
}

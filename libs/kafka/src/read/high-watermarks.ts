import { type Kafka } from 'kafkajs';
import { LogClient } from './log-client';

/**
 * Where a topic's partitions end, records of open transactions included: what was acknowledged before the call lies
 * below, whereas a last stable offset may not show a commit yet that others, its position above all, tell of already.
 */
export class HighWatermarks {
  private readonly client: LogClient;
  private connected: Promise<void> | undefined;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
  ) {
    this.client = new LogClient(kafka, 'uncommitted');
  }

  /** By partition. */
  async fetch(): Promise<number[]> {
    this.connected ??= this.client.connect([this.topic]).catch((error: unknown) => {
      this.connected = undefined;
      throw error;
    });
    await this.connected;
    const ends: number[] = [];
    for (const [partition, end] of await this.client.edges(this.topic, 'end', this.client.partitions(this.topic))) {
      ends[partition] = end;
    }
    return ends;
  }

  async close(): Promise<void> {
    await this.client.disconnect();
  }
}

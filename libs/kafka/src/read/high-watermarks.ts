import { type Kafka } from 'kafkajs';
import { LogClient } from './log-client';
import { retried } from './offsets';

/**
 * Where a topic's partitions end, records of open transactions included: what was acknowledged before the call lies
 * below, whereas a last stable offset may not show a commit yet that others, its position above all, tell of already.
 */
export class HighWatermarks {
  private readonly client: LogClient;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
  ) {
    this.client = new LogClient(kafka, 'uncommitted');
  }

  /** By partition. The leaders are learned anew each time: nobody else uses this client, so nobody else would notice a move. */
  fetch(): Promise<number[]> {
    const { client, topic } = this;
    return retried(async () => {
      await client.connect([topic]);
      await client.refresh();
      const ends: number[] = [];
      for (const [partition, end] of await client.edges(topic, 'end', client.partitions(topic))) ends[partition] = end;
      return ends;
    });
  }

  async close(): Promise<void> {
    await this.client.disconnect();
  }
}

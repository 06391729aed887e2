import { type Kafka } from 'kafkajs';
import { LogClient } from './log-client';
import { retried } from './offsets';

/**
 * Reads the high watermarks of a topic, which include the records of open transactions: every record that was acknowledged
 * before the call lies below them. The last stable offset can still exclude a committed transaction whose marker is not
 * written yet, even when the transaction's offset commit is already visible.
 */
export class HighWatermarks {
  private readonly client: LogClient;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
  ) {
    this.client = new LogClient(kafka, 'uncommitted');
  }

  /** By partition. Refreshes the metadata each time, because no fetch of this client would notice a moved leader. */
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

import { CompressionTypes } from 'kafkajs';
import { type Cluster, type ProducerIdentity } from '../client/kafkajs-internals';
import { type Chunk } from '../produce/chunks';
import { partitionName } from '../topic-partition';
import { throwRejection } from './broker-answers';

interface TopicBatches {
  readonly topic: string;
  readonly partitions: { partition: number; firstSequence: number; messages: readonly unknown[] }[];
}

/**
 * Sends the records of transactions to the leaders of their partitions. Assigns each record batch its sequence number, and
 * sends it once.
 */
export class TransactionalWriter {
  private readonly sequences = new Map<string, number>();

  constructor(
    private readonly cluster: Cluster,
    private readonly identity: ProducerIdentity,
    private readonly timeoutMs: number,
  ) {}

  /** Resolves, or rejects, when no request is in flight any more. */
  async write(chunk: Chunk): Promise<void> {
    const sent = await Promise.allSettled(
      Array.from(this.byLeader(chunk), ([nodeId, data]) => this.send(nodeId, data, chunk.compress)),
    );
    throwRejection(sent);
  }

  private async send(nodeId: number, topicData: TopicBatches[], compress: boolean): Promise<void> {
    const broker = await this.cluster.findBroker({ nodeId });
    await broker.produce({
      ...this.identity,
      acks: -1,
      timeout: this.timeoutMs,
      compression: compress ? CompressionTypes.GZIP : CompressionTypes.None,
      topicData,
    });
  }

  private byLeader(chunk: Chunk): Map<number, TopicBatches[]> {
    const leaders = new Map<number, TopicBatches[]>();
    for (const { topic, partitions } of chunk.topics) {
      const metadata = this.cluster.findTopicPartitionMetadata(topic);
      const ofTopic = new Map<number, TopicBatches>();
      for (const [partition, messages] of partitions) {
        const name = partitionName({ topic, partition });
        const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
        if (leader < 0) throw new Error(`${name} has no leader`);
        let batches = ofTopic.get(leader);
        if (batches === undefined) ofTopic.set(leader, (batches = { topic, partitions: [] }));
        const firstSequence = this.sequences.get(name) ?? 0;
        this.sequences.set(name, (firstSequence + messages.length) % 0x8000_0000);
        batches.partitions.push({ partition, firstSequence, messages });
      }
      for (const [leader, batches] of ofTopic) {
        const list = leaders.get(leader);
        if (list === undefined) leaders.set(leader, [batches]);
        else list.push(batches);
      }
    }
    return leaders;
  }
}

/** The partitions that the chunks write to, by topic. */
export function partitionsOf(chunks: readonly Chunk[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, Set<number>>();
  for (const { topics: ofChunk } of chunks) {
    for (const { topic, partitions } of ofChunk) {
      const known = topics.get(topic) ?? new Set<number>();
      for (const partition of partitions.keys()) known.add(partition);
      topics.set(topic, known);
    }
  }
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}

import { type Kafka } from 'kafkajs';
import { type OutputRecord } from '../record';

/** Where the records of one chunk lie: `count` consecutive offsets from `baseOffset`, in the order in which they were given. */
export interface ProducedRange {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

export interface RecordProducerOptions {
  /** Bound of one produce request, in encoded bytes; also the largest record. */
  readonly maxRequestBytes: number;
  readonly compression?: 'none' | 'gzip';
}

export class RecordProducer {
  constructor(
    private readonly kafka: Kafka,
    private readonly options: RecordProducerOptions,
  ) {}
  connect(): Promise<void> {
    throw new Error(`not built yet: ${String(this.kafka)} ${String(this.options)}`);
  }
  send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]> {
    throw new Error(`not built yet: ${String(records)}`);
  }
  disconnect(): Promise<void> {
    throw new Error('not built yet');
  }
}

import type { AppendConnection, Finalized } from '@orderstream/bigquery';

/** A connection that appends to one stream. */
export type Appender = Pick<AppendConnection, 'usable' | 'append' | 'close'>;

/** The BigQuery calls of one partition: its table's write streams, and a query for its own rows. */
export interface Warehouse {
  /** Creates a stream and returns its name. */
  createStream(): Promise<string>;
  finalize(stream: string): Promise<Finalized>;
  connect(stream: string): Promise<Appender>;
  /** Returns the highest `_kafka_offset` of the partition's own rows at or after `from`; undefined if there is no such row. */
  lastOffset(from: number): Promise<number | undefined>;
}

import type { AppendConnection, Finalized } from '@orderstream/bigquery';
import type { TopicPartition } from '@orderstream/kafka';

/** A connection that appends to one stream. */
export type Appender = Pick<AppendConnection, 'usable' | 'append' | 'close'>;

/** The rows in a table that are of one partition. */
export interface TableRows extends TopicPartition {
  /**
   * `own`, `letters`: the rows have the coordinates of their records. `retried`: the records are those of a retry topic; their
   * rows have its partition and offset in columns of their own, and `topic` is that of the source records.
   */
  readonly kind: 'own' | 'retried' | 'letters';
  /** The column by which the table is partitioned. */
  readonly partitionField: string;
}

/** The BigQuery calls of one partition: its table's write streams, and a query for its own rows. */
export interface Warehouse {
  /** Creates a stream and returns its name. */
  createStream(): Promise<string>;
  finalize(stream: string): Promise<Finalized>;
  connect(stream: string): Promise<Appender>;
  /** Returns the highest offset in the partition's own rows, at or after `from`; undefined if there is no such row. */
  lastOffset(from: number): Promise<number | undefined>;
}

import type { AppendOutcome, Finalized, RowBuffer } from '@orderstream/bigquery';

/** A connection that appends to one stream; an `AppendConnection`. */
export interface Appender {
  readonly usable: boolean;
  append(rows: RowBuffer, offset: number): Promise<AppendOutcome>;
  close(): void;
}

/** What a partition's sink needs of BigQuery: the streams of its table, and a look at its own rows. */
export interface Warehouse {
  /** Creates a stream and returns its name. */
  createStream(): Promise<string>;
  finalize(stream: string): Promise<Finalized>;
  connect(stream: string): Promise<Appender>;
  /** Highest `_kafka_offset` of this partition's own rows from `from` on that is not excluded; undefined if there is none. */
  lastOffset(from: number, excluded: readonly number[]): Promise<number | undefined>;
}

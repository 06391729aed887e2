import type { Column } from './columns';

/** A table of the warehouse. */
export interface TableSpec {
  readonly table: string;
  readonly columns: readonly Column[];
  /** TIMESTAMP column. The table is partitioned by its UTC day. */
  readonly partitionField: string;
  readonly clustering: readonly string[];
  /** Starts with the grain. */
  readonly description: string;
}

import { type Differences } from './differences';
import { type PartitionEvidence } from './evidence';
import { groupBy } from './group-by';
import { differingColumns, type RowContent } from './row-content';

const STREAMING_TABLE = 'streaming_orders';

/** Compares the validated records of each partition with the rows of the tables they go to. */
export class TableComparison {
  /** Rows of this run's records by table; `streaming_orders` counts distinct events. */
  readonly tables: Record<string, number> = {};
  redelivered = 0;
  missingBelowCommit = 0;

  constructor(
    private readonly differences: Differences,
    /** Rows of this run may be rejected, and are then in the sink's dead letters instead of the table. */
    private readonly rejectionsExpected: boolean,
  ) {}

  /** @param ownOffsets validated offsets of this run's records */
  add(evidence: PartitionEvidence, ownOffsets: ReadonlySet<number>): void {
    this.compareRows(evidence, ownOffsets);
    this.compareStreaming(evidence, ownOffsets);
  }

  /** Every validated record is one row of its table, at its own coordinates. */
  private compareRows(evidence: PartitionEvidence, ownOffsets: ReadonlySet<number>): void {
    const { table } = evidence;
    const where = validatedPartition(evidence);
    const rows = groupBy(evidence.rows, (row) => row.offset);
    const rejected = new Set(evidence.rejectedBySink);
    const repeated = evidence.rejectedBySink.length - rejected.size;
    if (repeated > 0) this.differences.add('duplicated', `${where}: rows rejected more than once`, repeated);
    let own = 0;
    for (const { offset, eventId, content } of evidence.validated) {
      const found = rows.get(offset) ?? [];
      rows.delete(offset);
      if (ownOffsets.has(offset)) own += found.length;
      const at = `${table}: ${where}@${String(offset)} (${eventId})`;
      if (rejected.has(offset)) this.differences.add('rejected', `${at} is in the sink's dead letters`);
      // A replay has returned a rejected record: then it is a dead letter and a row.
      const isReplayed = rejected.has(offset) && found.some((row) => row.isReplayed === true);
      const wanted =
        !isReplayed && rejected.has(offset) && (this.rejectionsExpected || !ownOffsets.has(offset)) ? 0 : 1;
      if (found.length < wanted) {
        this.differences.add('missing', `${at} has no row`);
        if (offset < evidence.sinkCommitted) this.missingBelowCommit++;
      }
      if (found.length > wanted) {
        this.differences.add('duplicated', `${at} has ${String(found.length)} rows`, found.length - wanted);
      }
      if (found.some((row) => row.eventId !== eventId)) {
        this.differences.add('unexplained', `${at} has a row of another event`);
      } else
        this.compareContent(
          evidence,
          at,
          content,
          found.map((row) => row.content),
        );
    }
    for (const [offset, found] of rows) {
      this.differences.add('unexplained', rowWithoutRecord(table, where, offset), found.length);
    }
    this.tables[table] = (this.tables[table] ?? 0) + own;
  }

  /** Every validated order is at least once in streaming_orders. */
  private compareStreaming(evidence: PartitionEvidence, ownOffsets: ReadonlySet<number>): void {
    if (evidence.streaming === undefined) return;
    const where = validatedPartition(evidence);
    const deliveries = new Map(evidence.streaming.deliveries);
    const rejected = new Set(evidence.streaming.rejected);
    let own = 0;
    for (const { offset, eventId, content } of evidence.validated) {
      const delivered = deliveries.get(offset) ?? [];
      const count = delivered.length;
      deliveries.delete(offset);
      const isOwn = ownOffsets.has(offset);
      if (isOwn && count > 0) own++;
      const at = `${STREAMING_TABLE}: ${where}@${String(offset)} (${eventId})`;
      if (rejected.has(offset)) this.differences.add('rejected', `${at} is in the bridge's dead letters`);
      if (count === 0 && (isOwn || !rejected.has(offset))) this.differences.add('missing', `${at} was not delivered`);
      if (count > 1) this.redelivered += count - 1;
      this.compareContent(evidence, at, content, delivered);
    }
    for (const [offset, { length }] of deliveries) {
      this.differences.add('unexplained', rowWithoutRecord(STREAMING_TABLE, where, offset), length);
    }
    this.tables[STREAMING_TABLE] = (this.tables[STREAMING_TABLE] ?? 0) + own;
  }

  /** Every column of a row is the field of the event that was accepted, or as the rules have repaired it. */
  private compareContent(
    { family }: PartitionEvidence,
    at: string,
    wanted: RowContent,
    found: readonly RowContent[],
  ): void {
    for (const content of found) {
      const columns = differingColumns(family, wanted, content);
      if (columns.length === 0) continue;
      this.differences.add('unexplained', `${at} has a row with other content in ${columns.join(', ')}`);
    }
  }
}

const validatedPartition = ({ family, partition }: PartitionEvidence): string =>
  `validated ${family}/${String(partition)}`;

const rowWithoutRecord = (table: string, where: string, offset: number): string =>
  `${table} has a row of ${where}@${String(offset)}, where no record is`;

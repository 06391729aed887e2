import { type Fetched } from '../read/log-client';
import { type KafkaRecord, type PartitionRef, type RecordBatch } from '../record';

/** What a record costs in memory beside its bytes; a round figure. */
const RECORD_OVERHEAD_BYTES = 200;

interface Piece {
  readonly records: readonly KafkaRecord[];
  /** Index of the first record that was not handed over. */
  from: number;
  readonly nextOffset: number;
}

/**
 * What was fetched of one partition and not handed to its handler yet.
 *
 * The rule that keeps it gapless: a fetched piece is taken only if it was asked for at exactly the offset where the
 * queue ends. A piece that was under way while the queue was reset, or that comes twice, begins elsewhere and is dropped;
 * a gap *inside* a piece (markers, aborted records, compaction) is the log's own and is kept in its nextOffset.
 */
export class PartitionQueue {
  private readonly pieces: Piece[] = [];
  private fetchOffset = 0;
  private handedOffset = 0;
  private endOffset = 0;
  private records = 0;
  private bytes = 0;

  constructor(
    private readonly place: PartitionRef,
    private readonly bounds: { readonly maxQueuedRecords: number; readonly maxQueuedBytes: number },
  ) {}

  /** Empty, and from here on nothing but what begins at `offset` is taken. */
  reset(offset: number): void {
    this.pieces.length = 0;
    this.records = 0;
    this.bytes = 0;
    this.fetchOffset = offset;
    this.handedOffset = offset;
  }

  /** Offset of the first record that was not handed over. */
  get position(): number {
    return this.handedOffset;
  }

  /** Where the next fetch has to begin. */
  get fetchFrom(): number {
    return this.fetchOffset;
  }

  /** Timestamp of the first record that was not handed over. */
  get headTimestamp(): number | undefined {
    for (const { records, from } of this.pieces) if (from < records.length) return records[from]?.timestamp;
    return undefined;
  }

  get queuedRecords(): number {
    return this.records;
  }

  get queuedBytes(): number {
    return this.bytes;
  }

  /** At or over a bound: nothing is to be fetched. A piece that was asked for before may still come on top. */
  get full(): boolean {
    return this.records >= this.bounds.maxQueuedRecords || this.bytes >= this.bounds.maxQueuedBytes;
  }

  /** @returns whether it was taken */
  accept(fetched: Pick<Fetched, 'offset' | 'records' | 'nextOffset' | 'end'>): boolean {
    if (fetched.offset !== this.fetchOffset) return false;
    this.endOffset = fetched.end;
    if (fetched.nextOffset <= fetched.offset) return false;
    this.fetchOffset = fetched.nextOffset;
    this.pieces.push({ records: fetched.records, from: 0, nextOffset: fetched.nextOffset });
    this.records += fetched.records.length;
    for (const record of fetched.records) this.bytes += sizeOf(record);
    return true;
  }

  /**
   * The next batch, of at most `maxRecords`: small pieces are merged, large ones split. Without records when only the
   * position moved (markers, aborted records). Undefined when there is nothing.
   */
  take(maxRecords: number): RecordBatch | undefined {
    if (this.pieces.length === 0) return undefined;
    const records: KafkaRecord[] = [];
    let nextOffset = this.handedOffset;
    while (records.length < maxRecords) {
      const piece = this.pieces[0];
      if (piece === undefined) break;
      const to = Math.min(piece.from + maxRecords - records.length, piece.records.length);
      for (let i = piece.from; i < to; i++) {
        const record = piece.records[i] as KafkaRecord;
        this.bytes -= sizeOf(record);
        records.push(record);
      }
      piece.from = to;
      const rest = piece.records[to];
      nextOffset = rest === undefined ? piece.nextOffset : rest.offset;
      if (rest !== undefined) break;
      this.pieces.shift();
    }
    this.records -= records.length;
    this.handedOffset = nextOffset;
    return { ...this.place, records, nextOffset, highWatermark: this.endOffset };
  }
}

const sizeOf = (record: KafkaRecord): number =>
  RECORD_OVERHEAD_BYTES + (record.value?.length ?? 0) + (record.key?.length ?? 0);

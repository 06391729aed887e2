import { type Fetched } from '../read/log-client';
import { type KafkaRecord, type RecordBatch } from '../record';
import { type TopicPartition } from '../topic-partition';

interface Piece {
  readonly records: readonly KafkaRecord[];
  /** Index of the first record that is not handed over. */
  from: number;
  readonly nextOffset: number;
  readonly memoryBytes: number;
}

/**
 * The records of one partition that were fetched and not handed over yet.
 *
 * It has no gaps, because it accepts a fetched piece only if the piece was requested at the offset at which the queue ends.
 * It drops a piece that was in flight during a reset, or that comes twice. A gap *within* a piece (markers, aborted
 * records, compaction) is a gap of the log; the piece's nextOffset lies after it.
 */
export class PartitionQueue {
  private readonly pieces: Piece[] = [];
  private fetchOffset = 0;
  private handedOffset = 0;
  private records = 0;
  private bytes = 0;

  constructor(
    private readonly place: TopicPartition,
    private readonly bounds: { readonly maxQueuedRecords: number; readonly maxQueuedBytes: number },
  ) {}

  /** Empties the queue. It then accepts only a piece that begins at `offset`. */
  reset(offset: number): void {
    this.pieces.length = 0;
    this.records = 0;
    this.bytes = 0;
    this.fetchOffset = offset;
    this.handedOffset = offset;
  }

  /** The next offset to hand over. */
  get nextOffset(): number {
    return this.handedOffset;
  }

  /** The offset of the next fetch. */
  get fetchFrom(): number {
    return this.fetchOffset;
  }

  /** Timestamp of the first queued record. */
  get headTimestamp(): number | undefined {
    for (const { records, from } of this.pieces) if (from < records.length) return records[from]?.timestamp;
    return undefined;
  }

  get queuedRecords(): number {
    return this.records;
  }

  /** Memory of the pieces: a piece counts until its last record is handed over, because its records are views into it. */
  get queuedBytes(): number {
    return this.bytes;
  }

  /** At or above a bound: fetch nothing. A piece that was requested before is still accepted. */
  get full(): boolean {
    return this.records >= this.bounds.maxQueuedRecords || this.bytes >= this.bounds.maxQueuedBytes;
  }

  /** Returns whether the piece was taken. */
  accept(fetched: Pick<Fetched, 'offset' | 'records' | 'nextOffset' | 'memoryBytes'>): boolean {
    const { offset, records, nextOffset, memoryBytes } = fetched;
    if (offset !== this.fetchOffset || nextOffset <= offset) return false;
    this.fetchOffset = nextOffset;
    this.pieces.push({ records, from: 0, nextOffset, memoryBytes });
    this.records += records.length;
    this.bytes += memoryBytes;
    return true;
  }

  /**
   * The next batch, of at most `maxRecords`: merges small pieces, splits large ones. The batch has no records when only
   * its nextOffset advances (markers, aborted records). Undefined when the queue is empty.
   */
  take(maxRecords: number): RecordBatch | undefined {
    if (this.pieces.length === 0) return undefined;
    const records: KafkaRecord[] = [];
    let nextOffset = this.handedOffset;
    while (records.length < maxRecords) {
      const piece = this.pieces[0];
      if (piece === undefined) break;
      const to = Math.min(piece.from + maxRecords - records.length, piece.records.length);
      for (let i = piece.from; i < to; i++) records.push(piece.records[i] as KafkaRecord);
      piece.from = to;
      const rest = piece.records[to];
      nextOffset = rest === undefined ? piece.nextOffset : rest.offset;
      if (rest !== undefined) break;
      this.pieces.shift();
      this.bytes -= piece.memoryBytes;
    }
    this.records -= records.length;
    this.handedOffset = nextOffset;
    return { ...this.place, records, nextOffset };
  }
}

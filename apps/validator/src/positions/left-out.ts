import { countedAppendMs } from '@orderstream/quality';

/** A batch that cannot be decoded, as its header describes it. */
interface UnreadableBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: number;
  readonly timestamp: number;
}

/** What `set-position` leaves out of a log: how many records, and up to which append time. */
export class LeftOut {
  private records = 0;
  private leftUntilMs: number | undefined;
  private lastRecord: { readonly lastOffset: number; readonly lastAppendMs: number } | undefined;

  /**
   * @param from the first offset that may be left out
   * @param nowMs the clock, which append times must not be ahead of: see `countedAppendMs`
   */
  constructor(
    private readonly from: number,
    private readonly nowMs: number,
  ) {}

  /** Records in the log, those of batches that cannot be decoded by their header. */
  get count(): number {
    return this.records;
  }

  /** Append time up to which records may be left out, also those that no log holds any more. Undefined: none are. */
  get untilMs(): number | undefined {
    return this.leftUntilMs;
  }

  /** The last record that can be read. */
  get last(): { readonly lastOffset: number; readonly lastAppendMs: number } | undefined {
    return this.lastRecord;
  }

  add({ offset, timestamp }: { readonly offset: number; readonly timestamp: number }): void {
    this.records++;
    this.leaveUntil(timestamp);
    this.lastRecord = { lastOffset: offset, lastAppendMs: timestamp };
  }

  /** Damage may have changed the header's time as well. */
  addUnreadable({ baseOffset, lastOffset, records, timestamp }: UnreadableBatch): void {
    this.records += Math.min(records, lastOffset - Math.max(this.from, baseOffset) + 1);
    this.leaveUntil(timestamp);
  }

  /**
   * Records that no log holds any more: they were appended before the first one that is left. Without one, they may have
   * been appended until now.
   */
  addLost(firstLeftMs: number | undefined): void {
    this.leaveUntil(firstLeftMs ?? this.nowMs);
  }

  private leaveUntil(appendMs: number): void {
    this.leftUntilMs = Math.max(this.leftUntilMs ?? 0, countedAppendMs(appendMs, this.nowMs));
  }
}

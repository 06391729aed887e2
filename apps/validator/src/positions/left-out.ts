import { countedAppendMs } from '@orderstream/quality';

/** What `set-position` leaves out of a log: how many records, and up to which append time. */
export class LeftOut {
  private records = 0;
  private leftUntilMs: number | undefined;
  private lastRecord: { readonly lastOffset: number; readonly lastAppendMs: number } | undefined;

  /** @param nowMs the clock, which append times must not be ahead of: see `countedAppendMs` */
  constructor(private readonly nowMs: number) {}

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

  /**
   * A batch that cannot be decoded. Damage may have changed the header's time as well.
   *
   * @param unread how many of its records are left out, by its header
   */
  addUnreadable({ timestamp }: { readonly timestamp: number }, unread: number): void {
    this.records += unread;
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

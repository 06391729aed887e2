import { Bounded, type WindowLimits } from './bounded';

/** Committed entries, oldest first. `BoundedMapOverlay` enforces the bounds. */
export class BoundedMap<V> extends Bounded {
  readonly entries = new Map<string, V>();

  constructor(
    limits: WindowLimits,
    /** Append time of an entry, in milliseconds since the epoch. */
    readonly timeOf: (value: V) => number,
  ) {
    super(limits);
  }

  /** Evicts the oldest entries above the bound: a restore may run under narrower limits than the writer's. */
  trim(): void {
    const { entries, limits } = this;
    for (const [key, value] of entries) {
      if (entries.size <= limits.maxEntries) return;
      entries.delete(key);
      this.raiseLeftAt(this.timeOf(value));
    }
  }
}

export interface Entry<V> {
  readonly key: string;
  readonly value: V;
}

/**
 * The changes of an open batch on top of a `BoundedMap`, which stays unchanged until `fold`. Entries are evicted record
 * by record, so what a record sees does not depend on how the log is cut into batches.
 *
 * Hot: a call takes two to three map operations, each a cache miss in a large map. Finding the oldest entries iterates
 * over each map at most once per overlay.
 */
export class BoundedMapOverlay<V> {
  /** By key, in the order of the last change. Null: deleted. */
  private readonly changes = new Map<string, V | null>();
  private committedEntries: Iterator<[string, V]> | undefined;
  private ownEntries: Iterator<[string, V | null]> | undefined;
  private oldestEntry: Entry<V> | undefined;
  private oldestIsCommitted = false;
  /** A key of the base was set again: `fold` must move it to the end. */
  private renewed = false;
  private entryCount: number;
  private leftAtMs: number | undefined;

  constructor(private readonly base: BoundedMap<V>) {
    this.entryCount = base.entries.size;
  }

  get size(): number {
    return this.entryCount;
  }

  get(key: string): V | undefined {
    const own = this.changes.get(key);
    return own === undefined ? this.base.entries.get(key) : (own ?? undefined);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Sets the entry as the newest. */
  put(key: string, value: V): void {
    const own = this.changes.get(key);
    if (own === undefined) {
      if (this.base.entries.has(key)) {
        this.renewed = true;
        if (this.oldestEntry?.key === key) this.oldestEntry = undefined;
      } else this.entryCount++;
    } else {
      if (own === null) {
        this.renewed = true;
        this.entryCount++;
      } else if (this.oldestEntry?.key === key) this.oldestEntry = undefined;
      this.changes.delete(key);
    }
    this.changes.set(key, value);
  }

  delete(key: string): void {
    const own = this.changes.get(key);
    if (own === null) return;
    const isCommitted = this.base.entries.has(key);
    if (own === undefined && !isCommitted) return;
    if (own !== undefined) this.changes.delete(key);
    this.removed(key, isCommitted);
  }

  oldest(): Entry<V> | undefined {
    if (this.oldestEntry !== undefined || this.entryCount === 0) return this.oldestEntry;
    this.oldestEntry = this.oldestCommitted();
    this.oldestIsCommitted = this.oldestEntry !== undefined;
    this.oldestEntry ??= this.oldestOwn();
    return this.oldestEntry;
  }

  /** Removes and returns the oldest entry if its window has ended at the append time `nowMs`. */
  expire(nowMs: number): Entry<V> | undefined {
    const oldest = this.oldest();
    if (oldest === undefined || this.base.timeOf(oldest.value) >= nowMs - this.base.limits.windowMs) return undefined;
    return this.crowdOut();
  }

  /** Evicts and returns the oldest entry. Before its window has ended, the effective window becomes shorter. */
  crowdOut(): Entry<V> | undefined {
    const oldest = this.oldest();
    if (oldest === undefined) return undefined;
    this.raiseLeftAt(this.base.timeOf(oldest.value));
    this.deleteOldest(oldest);
    return oldest;
  }

  /** Removes an entry before its window has ended. The effective window may become shorter. */
  forget(key: string): void {
    const value = this.get(key);
    if (value === undefined) return;
    this.raiseLeftAt(this.base.timeOf(value));
    this.delete(key);
  }

  /** The memory is not complete before this append time. */
  raiseLeftAt(appendMs: number): void {
    this.leftAtMs = Math.max(this.leftAt() ?? -Infinity, appendMs);
  }

  /** As `Bounded.leftAtMs`, with this overlay's changes. */
  leftAt(): number | undefined {
    return this.leftAtMs ?? this.base.leftAtMs;
  }

  /** Changed entries in the order of the last change. Null: deleted. */
  changed(): Iterable<[string, V | null]> {
    return this.changes.entries();
  }

  /** Applies the changes to the base. The overlay must not be used afterwards. */
  fold(): void {
    const { entries } = this.base;
    for (const [key, value] of this.changes) {
      // A map keeps the place of a key that is set again, so the key is deleted first.
      if (value === null || this.renewed) entries.delete(key);
      if (value !== null) entries.set(key, value);
    }
    this.base.leftAtMs = this.leftAt();
  }

  private deleteOldest({ key }: Entry<V>): void {
    if (this.oldestIsCommitted) this.removed(key, true);
    else this.delete(key);
  }

  private removed(key: string, isCommitted: boolean): void {
    this.entryCount--;
    if (this.oldestEntry?.key === key) this.oldestEntry = undefined;
    if (isCommitted) this.changes.set(key, null);
  }

  private oldestCommitted(): Entry<V> | undefined {
    this.committedEntries ??= this.base.entries.entries();
    for (let next = this.committedEntries.next(); next.done !== true; next = this.committedEntries.next()) {
      const [key, value] = next.value;
      if (!this.changes.has(key)) return { key, value };
    }
    return undefined;
  }

  private oldestOwn(): Entry<V> | undefined {
    // An entry that is set again moves to the end of the map. An iterator that has reached the end stays there, so a
    // second pass may be needed.
    for (let pass = 0; pass < 2; pass++) {
      this.ownEntries ??= this.changes.entries();
      for (let next = this.ownEntries.next(); next.done !== true; next = this.ownEntries.next()) {
        const [key, value] = next.value;
        if (value !== null) return { key, value };
      }
      this.ownEntries = undefined;
    }
    return undefined;
  }
}

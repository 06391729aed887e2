import type { WindowLimits } from '../settings';
import { Bounded } from './bounded';

/** What is committed, oldest first. Bounded by the overlays, which are the only ones to change it. */
export class BoundedMap<V> extends Bounded {
  readonly entries = new Map<string, V>();

  constructor(
    limits: WindowLimits,
    /** Append time of an entry, in milliseconds since the epoch. */
    readonly timeOf: (value: V) => number,
  ) {
    super(limits);
  }

  /** After a restore under narrower limits: what is too many leaves, oldest first. */
  trim(): void {
    const { entries, limits } = this;
    for (const [key, value] of entries) {
      if (entries.size <= limits.maxEntries) return;
      entries.delete(key);
      this.raiseCrowdedOut(this.timeOf(value));
    }
  }
}

export interface Entry<V> {
  readonly key: string;
  readonly value: V;
}

/**
 * The changes of an open batch on top of a bounded map, which stays untouched until `fold`. Evicting is a change like
 * any other, made record by record: what is visible to a record does not depend on where batches were cut.
 *
 * Hot: two to three map operations per call, each a cache miss in a large map; hence none more than needed. Finding
 * the oldest entry walks each map once per overlay.
 */
export class BoundedMapOverlay<V> {
  /** null: deleted. In the order of the last change. */
  private readonly changes = new Map<string, V | null>();
  private committed: Iterator<[string, V]> | undefined;
  private own: Iterator<[string, V | null]> | undefined;
  private oldestEntry: Entry<V> | undefined;
  private oldestIsCommitted = false;
  /** Some key of the base was changed: folding must mind its place. */
  private renewed = false;
  private entryCount: number;
  private crowdedOutAtMs: number | undefined;

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

  /** Adds the entry, or renews it: it is the newest then. */
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

  /** Removes and returns the oldest entry if its time is up at `nowMs`. */
  expire(nowMs: number): Entry<V> | undefined {
    const oldest = this.oldest();
    if (oldest === undefined || this.base.timeOf(oldest.value) >= nowMs - this.base.limits.windowMs) return undefined;
    this.deleteOldest(oldest);
    return oldest;
  }

  /** Removes and returns the oldest entry, to make room: from here on the memory reaches back less far. */
  crowdOut(): Entry<V> | undefined {
    const oldest = this.oldest();
    if (oldest === undefined) return undefined;
    this.raiseCrowdedOut(oldest.value);
    this.deleteOldest(oldest);
    return oldest;
  }

  /** Removes the entry before its time is up, wherever it stands: from here on the memory may reach back less far. */
  forget(key: string): void {
    const value = this.get(key);
    if (value === undefined) return;
    this.raiseCrowdedOut(value);
    this.delete(key);
  }

  /** As `BoundedMap.crowdedOutAtMs`, this overlay's changes included. */
  crowdedOutAt(): number | undefined {
    return this.crowdedOutAtMs ?? this.base.crowdedOutAtMs;
  }

  /** What changed, deletions as null, in the order of the last change. */
  changed(): Iterable<[string, V | null]> {
    return this.changes.entries();
  }

  /** Makes the changes part of the base. This overlay is used up then. */
  fold(): void {
    const { entries } = this.base;
    for (const [key, value] of this.changes) {
      // A key that is set again keeps its place in a map: one that was renewed has to leave first.
      if (value === null || this.renewed) entries.delete(key);
      if (value !== null) entries.set(key, value);
    }
    this.base.crowdedOutAtMs = this.crowdedOutAt();
  }

  private raiseCrowdedOut(value: V): void {
    this.crowdedOutAtMs = Math.max(this.crowdedOutAt() ?? -Infinity, this.base.timeOf(value));
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
    this.committed ??= this.base.entries.entries();
    for (let next = this.committed.next(); next.done !== true; next = this.committed.next()) {
      const [key, value] = next.value;
      if (!this.changes.has(key)) return { key, value };
    }
    return undefined;
  }

  private oldestOwn(): Entry<V> | undefined {
    // A renewed entry moves to the end of the map, where the iterator meets it again. An iterator that has come to
    // the end stays there, so a second walk may be needed.
    for (let walk = 0; walk < 2; walk++) {
      this.own ??= this.changes.entries();
      for (let next = this.own.next(); next.done !== true; next = this.own.next()) {
        const [key, value] = next.value;
        if (value !== null) return { key, value };
      }
      this.own = undefined;
    }
    return undefined;
  }
}

import { hash } from 'node:crypto';
import { Bounded } from './bounded';

/** Of an identity's SHA-256 so many 32-bit words are kept: 128 bits, with which no two identities of a window meet. */
const WORDS = 4;
const MIN_CAPACITY = 64;

/** SHA-256 of an identity, a character for each byte. */
export const digestOf = (identity: string): string => hash('sha256', identity, 'binary');

const word = (digest: string, index: number): number =>
  digest.charCodeAt(index * 4) |
  (digest.charCodeAt(index * 4 + 1) << 8) |
  (digest.charCodeAt(index * 4 + 2) << 16) |
  (digest.charCodeAt(index * 4 + 3) << 24);

/**
 * The committed identities of accepted events with their append times, oldest first. They only ever come as the newest and
 * leave as the oldest. Bounded by the overlays, which are the only ones to change it.
 *
 * Hot and large: flat arrays hold a million of them in some 30 MB, which the garbage collector does not walk; as strings in
 * a map they take four times as much. A ring of places in the order of arrival; a table finds the place by the digest
 * (open addressing, linear probing).
 */
export class IdentityWindow extends Bounded {
  /** `WORDS` per place. */
  private words = new Int32Array(0);
  /** By place, in milliseconds since the epoch. */
  private times = new Float64Array(0);
  /** Place + 1; 0: free. A power of two of them, at least a third more than places. */
  private slots = new Int32Array(1);
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** How many are older than this one; undefined when it is not there. */
  rankOf(digest: string): number | undefined {
    const { words, slots, head, times } = this;
    const mask = slots.length - 1;
    const [a, b, c, d] = [word(digest, 0), word(digest, 1), word(digest, 2), word(digest, 3)];
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const place = (slots[slot] ?? 0) - 1;
      if (place < 0) return undefined;
      const at = place * WORDS;
      if (words[at] !== a || words[at + 1] !== b || words[at + 2] !== c || words[at + 3] !== d) continue;
      return place >= head ? place - head : place - head + times.length;
    }
  }

  /** Append time of the one that has so many older ones. @throws RangeError when there is none */
  timeAt(rank: number): number {
    if (rank >= this.count) throw new RangeError(`there are only ${String(this.count)} identities`);
    return this.times[this.placeOf(rank)] ?? NaN;
  }

  /** Adds one that is not there as the newest. */
  append(digest: string, appendedAtMs: number): void {
    if (this.count === this.times.length) this.grow();
    const place = this.placeOf(this.count++);
    for (let index = 0; index < WORDS; index++) this.words[place * WORDS + index] = word(digest, index);
    this.times[place] = appendedAtMs;
    this.enter(place);
  }

  /** Removes so many of the oldest. */
  removeOldest(count: number): void {
    for (let left = Math.min(count, this.count); left > 0; left--) {
      this.vacate(this.head);
      this.head = this.placeOf(1);
      this.count--;
    }
  }

  /** After a restore under narrower limits: what is too many leaves, oldest first. */
  trim(): void {
    const tooMany = this.count - this.limits.maxEntries;
    if (tooMany <= 0) return;
    for (let rank = 0; rank < tooMany; rank++) this.raiseCrowdedOut(this.timeAt(rank));
    this.removeOldest(tooMany);
  }

  private placeOf(rank: number): number {
    const place = this.head + rank;
    return place >= this.times.length ? place - this.times.length : place;
  }

  private homeOf(place: number): number {
    return (this.words[place * WORDS] ?? 0) & (this.slots.length - 1);
  }

  private enter(place: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = this.homeOf(place);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = place + 1;
  }

  /** Frees the place's slot, and moves up those behind that were pushed past it, so that no search ends too early. */
  private vacate(place: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let free = this.homeOf(place);
    while (slots[free] !== place + 1) free = (free + 1) & mask;
    for (let slot = (free + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const occupant = slots[slot] ?? 0;
      const fromHome = (slot - this.homeOf(occupant - 1)) & mask;
      if (fromHome < ((slot - free) & mask)) continue;
      slots[free] = occupant;
      free = slot;
    }
    slots[free] = 0;
  }

  /** Doubles, and does not go beyond the bound where that is enough. */
  private grow(): void {
    const { words, times, head, count } = this;
    const { maxEntries } = this.limits;
    const doubled = Math.max(2 * times.length, MIN_CAPACITY);
    const capacity = times.length < maxEntries ? Math.min(doubled, maxEntries) : doubled;
    this.words = new Int32Array(capacity * WORDS);
    this.times = new Float64Array(capacity);
    // The ring is full: everything from the head on, then everything before it.
    this.words.set(words.subarray(head * WORDS));
    this.words.set(words.subarray(0, head * WORDS), (times.length - head) * WORDS);
    this.times.set(times.subarray(head));
    this.times.set(times.subarray(0, head), times.length - head);
    this.head = 0;
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2((capacity * 4) / 3)));
    for (let place = 0; place < count; place++) this.enter(place);
  }
}

/** An identity that a batch adds. */
export interface AddedIdentity {
  readonly identity: string;
  /** In milliseconds since the epoch. */
  readonly appendedAtMs: number;
}

/**
 * The changes of an open batch on top of a window, which stays untouched until `fold`. What leaves does so record by record:
 * what is visible to a record does not depend on where batches were cut.
 */
export class IdentityWindowOverlay {
  /** By digest, oldest first. */
  private readonly own = new Map<string, AddedIdentity>();
  /** So many of the window's oldest have left. */
  private removed = 0;
  private crowdedOutAtMs: number | undefined;
  /** A record's identity is asked for first and added then. */
  private last: { readonly identity: string; readonly digest: string } | undefined;

  constructor(private readonly base: IdentityWindow) {}

  get size(): number {
    return this.base.size - this.removed + this.own.size;
  }

  has(identity: string): boolean {
    const digest = this.digestOf(identity);
    return this.own.has(digest) || (this.base.rankOf(digest) ?? -1) >= this.removed;
  }

  /** Adds the identity as the newest, unless it is there: then it stays as it is. */
  add(identity: string, appendedAtMs: number): void {
    if (!this.has(identity)) this.own.set(this.digestOf(identity), { identity, appendedAtMs });
  }

  /** Removes those whose time is up at `nowMs`. */
  expire(nowMs: number): void {
    const { windowMs } = this.base.limits;
    for (let oldest = this.oldestMs(); oldest !== undefined && oldest < nowMs - windowMs; oldest = this.oldestMs())
      this.removeOldest();
  }

  /** Removes the oldest, to make room: from here on the memory reaches back less far. */
  crowdOut(): void {
    const oldest = this.oldestMs();
    if (oldest === undefined) return;
    this.crowdedOutAtMs = Math.max(this.crowdedOutAt() ?? -Infinity, oldest);
    this.removeOldest();
  }

  /** As of the window, this overlay's changes included. */
  crowdedOutAt(): number | undefined {
    return this.crowdedOutAtMs ?? this.base.crowdedOutAtMs;
  }

  /** What is new and still there, oldest first. */
  added(): Iterable<AddedIdentity> {
    return this.own.values();
  }

  /** Makes the changes part of the base. This overlay is used up then. */
  fold(): void {
    this.base.removeOldest(this.removed);
    for (const [digest, { appendedAtMs }] of this.own) this.base.append(digest, appendedAtMs);
    this.base.crowdedOutAtMs = this.crowdedOutAt();
  }

  private oldestMs(): number | undefined {
    if (this.removed < this.base.size) return this.base.timeAt(this.removed);
    const [oldest] = this.own.values();
    return oldest?.appendedAtMs;
  }

  private removeOldest(): void {
    if (this.removed < this.base.size) this.removed++;
    else {
      const [oldest] = this.own.keys();
      if (oldest !== undefined) this.own.delete(oldest);
    }
  }

  private digestOf(identity: string): string {
    if (this.last?.identity !== identity) this.last = { identity, digest: digestOf(identity) };
    return this.last.digest;
  }
}

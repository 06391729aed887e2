import { hash } from 'node:crypto';
import { Bounded } from './bounded';

/** 32-bit words stored of an identity's SHA-256. 128 bits make a collision within a window negligible. */
const WORDS = 4;
const MIN_CAPACITY = 64;

/** SHA-256 of an identity, one character per byte. */
export const digestOf = (identity: string): string => hash('sha256', identity, 'binary');

const word = (digest: string, index: number): number =>
  digest.charCodeAt(index * 4) |
  (digest.charCodeAt(index * 4 + 1) << 8) |
  (digest.charCodeAt(index * 4 + 2) << 16) |
  (digest.charCodeAt(index * 4 + 3) << 24);

/**
 * The committed identities and their append times, oldest first. An identity is added as the newest and leaves as the
 * oldest. `EventMemoryOverlay` enforces the bounds.
 *
 * Hot and large: one million identities take 30 MB in flat arrays, which the garbage collector does not traverse, and
 * four times as much as strings in a map. The entries form a ring in the order of arrival; a hash table with open
 * addressing and linear probing maps a digest to its place in the ring.
 */
export class IdentityWindow extends Bounded {
  /** `WORDS` per place. */
  private words = new Int32Array(0);
  /** By place, in milliseconds since the epoch. */
  private times = new Float64Array(0);
  /** Place + 1, or 0 if free. The length is a power of two and at least 4/3 of the places. */
  private slots = new Int32Array(1);
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Number of older identities, or undefined if the identity is not in the window. */
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

  /** Append time of the identity of this rank. @throws RangeError if there is none. */
  timeAt(rank: number): number {
    if (rank >= this.count) throw new RangeError(`rank ${rank.toString()} of ${this.count.toString()} identities`);
    return this.times[this.placeOf(rank)] ?? NaN;
  }

  /** Adds an identity that is not in the window, as the newest. */
  append(digest: string, appendedAtMs: number): void {
    if (this.count === this.times.length) this.grow();
    const place = this.placeOf(this.count++);
    for (let index = 0; index < WORDS; index++) this.words[place * WORDS + index] = word(digest, index);
    this.times[place] = appendedAtMs;
    this.insertSlot(place);
  }

  /** Removes the `count` oldest identities. */
  removeOldest(count: number): void {
    for (let left = Math.min(count, this.count); left > 0; left--) {
      this.removeSlot(this.head);
      this.head = this.placeOf(1);
      this.count--;
    }
  }

  /** Evicts the oldest identities above the bound: a restore may run under narrower limits than the writer's. */
  trim(): void {
    const excess = this.count - this.limits.maxEntries;
    if (excess <= 0) return;
    for (let rank = 0; rank < excess; rank++) this.raiseLeftAt(this.timeAt(rank));
    this.removeOldest(excess);
  }

  private placeOf(rank: number): number {
    const place = this.head + rank;
    return place >= this.times.length ? place - this.times.length : place;
  }

  private homeSlotOf(place: number): number {
    return (this.words[place * WORDS] ?? 0) & (this.slots.length - 1);
  }

  private insertSlot(place: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = this.homeSlotOf(place);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = place + 1;
  }

  /** Frees the place's slot and moves later entries of the probe sequence up, so that no search ends too early. */
  private removeSlot(place: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let free = this.homeSlotOf(place);
    while (slots[free] !== place + 1) free = (free + 1) & mask;
    for (let slot = (free + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const occupant = slots[slot] ?? 0;
      const fromHome = (slot - this.homeSlotOf(occupant - 1)) & mask;
      if (fromHome < ((slot - free) & mask)) continue;
      slots[free] = occupant;
      free = slot;
    }
    slots[free] = 0;
  }

  /** Doubles the capacity, up to the bound. It grows past the bound only if the window already exceeds it. */
  private grow(): void {
    const { words, times, head, count } = this;
    const { maxEntries } = this.limits;
    const doubled = Math.max(2 * times.length, MIN_CAPACITY);
    const capacity = times.length < maxEntries ? Math.min(doubled, maxEntries) : doubled;
    this.words = new Int32Array(capacity * WORDS);
    this.times = new Float64Array(capacity);
    // The ring is full: first everything from the head on, then everything before it.
    this.words.set(words.subarray(head * WORDS));
    this.words.set(words.subarray(0, head * WORDS), (times.length - head) * WORDS);
    this.times.set(times.subarray(head));
    this.times.set(times.subarray(0, head), times.length - head);
    this.head = 0;
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2((capacity * 4) / 3)));
    for (let place = 0; place < count; place++) this.insertSlot(place);
  }
}

// Read from the global object once: a global look-up is slow in jest's sandbox, and this is the innermost loop.
const { imul } = Math;

/**
 * A 53-bit hash of the small integers that a state consists of, made of two 32-bit hashes. Among five million states the
 * probability of a collision is about 1 in 700.
 */
export class Fingerprint {
  private first = 0x811c9dc5;
  private second = 0x9747b28c;

  reset(): void {
    this.first = 0x811c9dc5;
    this.second = 0x9747b28c;
  }

  add(value: number): void {
    this.first = imul(this.first ^ value, 0x01000193);
    this.first ^= this.first >>> 15;
    this.second = imul((this.second << 5) | (this.second >>> 27), 0x9e3779b1) ^ value;
  }

  flag(value: boolean): void {
    this.add(value ? 1 : 0);
  }

  /** A whole number from 0 to 2^53 - 1. */
  value(): number {
    let high = this.first ^ (this.first >>> 13);
    high = imul(high, 0x85ebca6b);
    high ^= high >>> 16;
    let low = imul(this.second ^ (this.second >>> 13), 0x85ebca6b);
    low ^= low >>> 16;
    return (high >>> 0) * 0x200000 + (low >>> 11);
  }
}

/** Numbers states by their fingerprints: an open-addressed hash table of 12 bytes per slot. */
export class StateIndex {
  private slots = 1 << 12;
  private keys = new Float64Array(this.slots).fill(-1);
  private numbers = new Int32Array(this.slots);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The state's number; a new state gets the next one. */
  numberOf(fingerprint: number): number {
    if (this.count * 2 >= this.slots) this.grow();
    const slot = this.slotOf(fingerprint);
    if (this.keys[slot] === -1) {
      this.keys[slot] = fingerprint;
      this.numbers[slot] = this.count++;
    }
    return this.numbers[slot] as number;
  }

  private slotOf(fingerprint: number): number {
    let slot = fingerprint % this.slots;
    while (this.keys[slot] !== -1 && this.keys[slot] !== fingerprint) slot = (slot + 1) % this.slots;
    return slot;
  }

  private grow(): void {
    const { keys, numbers, slots } = this;
    this.slots = slots * 2;
    this.keys = new Float64Array(this.slots).fill(-1);
    this.numbers = new Int32Array(this.slots);
    for (let old = 0; old < slots; old++) {
      const key = keys[old] as number;
      if (key === -1) continue;
      const slot = this.slotOf(key);
      this.keys[slot] = key;
      this.numbers[slot] = numbers[old] as number;
    }
  }
}

import { hash } from 'node:crypto';

/** The complete state of an `Rng`: four unsigned 32-bit integers. */
export type RngState = readonly [number, number, number, number];

const MIXING_ROUNDS = 12;

/**
 * Seeded pseudo-random numbers: the same seed gives the same sequence. The algorithm is sfc32 (Chris Doty-Humphrey,
 * PractRand). Its state is four integers, small enough for a checkpoint. Not for secrets.
 */
export class Rng {
  private constructor(
    private a: number,
    private b: number,
    private c: number,
    private counter: number,
  ) {}

  static seeded(seed: string | number): Rng {
    const digest = hash('sha256', String(seed), 'buffer');
    const rng = new Rng(digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), 1);
    for (let round = 0; round < MIXING_ROUNDS; round++) rng.next();
    return rng;
  }

  static restored([a, b, c, counter]: RngState): Rng {
    return new Rng(a | 0, b | 0, c | 0, counter | 0);
  }

  get state(): RngState {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.counter >>> 0];
  }

  /** Uniform in [0, 2^32). */
  private next(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Uniform among the integers from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** A uniform index into a list of this length. The length must not be 0. */
  index(length: number): number {
    return Math.floor(this.fraction() * length);
  }

  /** @throws RangeError when the list is empty */
  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError('Cannot pick from an empty list');
    return choices[this.index(choices.length)] as T;
  }

  /** The same items in a random order. */
  shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.fraction() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }
}

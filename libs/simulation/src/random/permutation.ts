import { block as sharedBlock, threefry } from './threefry';

// Constants: a look-up of `Math` is slow where tests run.
const { imul, clz32, max } = Math;

// A constant of this module: what another module exports costs a call of a getter at each use.
const block = sharedBlock;

const ROUNDS = 4;
/** With smaller halves, four rounds do not mix enough. */
const LEAST_HALF_BITS = 4;

const mixed = (half: number, key: number): number => {
  let x = half ^ key;
  x = imul(x ^ (x >>> 16), 0x21f0aaad);
  x = imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
};

/**
 * Permutations of the integers from 0 to `size - 1`, each chosen by a key: a Feistel network on the next even number of
 * bits, applied until the result is in range. Computes any place, and its inverse, alone. `choose` must be called first.
 */
export class Permutation {
  private readonly keys = new Int32Array(ROUNDS);
  private size = 1;
  private halfBits = 1;
  private mask = 1;

  /** The permutation of this size that belongs to the key and the counter. Size: 1 to 2^30. */
  choose(key0: number, key1: number, counter0: number, counter1: number, size: number): this {
    const { keys } = this;
    threefry(key0, key1, counter0, counter1);
    const low = block[0] as number;
    const high = block[1] as number;
    threefry(key1 ^ high, key0 ^ low, counter0, counter1);
    keys[0] = low;
    keys[1] = high;
    keys[2] = block[0] as number;
    keys[3] = block[1] as number;
    this.size = size;
    this.halfBits = max(LEAST_HALF_BITS, (33 - clz32(size - 1)) >>> 1);
    this.mask = (1 << this.halfBits) - 1;
    return this;
  }

  /** The number at a place. */
  at(place: number): number {
    const { keys, halfBits, mask, size } = this;
    let value = place;
    do {
      let left = value >>> halfBits;
      let right = value & mask;
      for (let round = 0; round < ROUNDS; round++) {
        const next = left ^ (mixed(right, keys[round] as number) & mask);
        left = right;
        right = next;
      }
      value = (left << halfBits) | right;
    } while (value >= size);
    return value;
  }

  /** The place of a number: the inverse of `at`. */
  placeOf(number: number): number {
    const { keys, halfBits, mask, size } = this;
    let value = number;
    do {
      let left = value >>> halfBits;
      let right = value & mask;
      for (let round = ROUNDS - 1; round >= 0; round--) {
        const before = right ^ (mixed(left, keys[round] as number) & mask);
        right = left;
        left = before;
      }
      value = (left << halfBits) | right;
    } while (value >= size);
    return value;
  }
}

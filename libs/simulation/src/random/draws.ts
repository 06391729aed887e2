import { hash } from 'node:crypto';
import { block as sharedBlock, threefry as hashBlock } from './threefry';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, log, sqrt, cos, exp, round, max } = Math;

// Constants of this module: what another module exports costs a call of a getter at each use.
const block = sharedBlock;
const threefry = hashBlock;

/** A seed as the key of the hash. */
export interface SeedKey {
  readonly key0: number;
  readonly key1: number;
}

export function seedKey(seed: string): SeedKey {
  const digest = hash('sha256', seed, 'buffer');
  return { key0: digest.readInt32LE(0), key1: digest.readInt32LE(4) };
}

const TWO_32 = 0x1_0000_0000;
const TWO_POW_MINUS_52 = 2 ** -52;
const TWO_26 = 2 ** 26;

/**
 * Random numbers of the things of one kind. A number depends on the seed, the kind, the thing and the draw's number only:
 * there is no sequence, so any number can be computed alone, in any order. Not for secrets.
 *
 * `select` chooses the thing; the draws that follow are of it, until the next `select`. A thing is two 32-bit numbers.
 */
export class Draws {
  private readonly kind0: number;
  private readonly kind1: number;
  private thing0 = 0;
  private thing1 = 0;
  /** See `pair`. */
  second = 0;

  constructor(seed: SeedKey, kind: string) {
    const digest = hash('sha256', kind, 'buffer');
    threefry(seed.key0, seed.key1, digest.readInt32LE(0), digest.readInt32LE(4));
    this.kind0 = block[0] as number;
    this.kind1 = block[1] as number;
  }

  /** @param part a second number: the part of the thing, or the upper bits of its number */
  select(thing: number, part = 0): this {
    threefry(this.kind0, this.kind1, thing | 0, part | 0);
    this.thing0 = block[0] as number;
    this.thing1 = block[1] as number;
    return this;
  }

  /**
   * Uniform between 0 and 1, neither included, with 52 bits.
   * @param part a second number of the draw
   */
  fraction(draw: number, part = 0): number {
    threefry(this.thing0, this.thing1, draw, part);
    return (((block[0] as number) >>> 6) * TWO_26 + ((block[1] as number) >>> 6) + 0.5) * TWO_POW_MINUS_52;
  }

  /**
   * Two fractions of one draw, with 32 bits each: at half the cost. Returns the first; `second` has the other one.
   */
  pair(draw: number): number {
    threefry(this.thing0, this.thing1, draw, 0);
    this.second = (((block[1] as number) >>> 0) + 0.5) / TWO_32;
    return (((block[0] as number) >>> 0) + 0.5) / TWO_32;
  }

  /** Uniform among the integers from 0 to `bound - 1`. */
  below(draw: number, bound: number): number {
    threefry(this.thing0, this.thing1, draw, 0);
    return floor((((block[0] as number) >>> 0) / TWO_32) * bound);
  }

  /** Standard normal (Box-Muller). */
  normal(draw: number): number {
    threefry(this.thing0, this.thing1, draw, 0);
    const radius = sqrt(-2 * log((((block[0] as number) >>> 0) + 1) / TWO_32));
    return radius * cos((((block[1] as number) >>> 0) / TWO_32) * 2 * Math.PI);
  }

  logNormal(draw: number, median: number, sigma: number): number {
    return median * exp(sigma * this.normal(draw));
  }

  /** Poisson: by inversion for small means, else from a normal, which is exact enough from this mean on. */
  poisson(draw: number, mean: number): number {
    if (mean > 400) return max(0, round(mean + sqrt(mean) * this.normal(draw)));
    const fraction = this.fraction(draw);
    let probability = exp(-mean);
    let sum = probability;
    let count = 0;
    while (fraction > sum && probability > 1e-300) {
      count++;
      probability *= mean / count;
      sum += probability;
    }
    return count;
  }

  /** 64 random bits, in `block`. Two draws of one thing, or of two things, differ. */
  bits(draw: number): void {
    threefry(this.thing0, this.thing1, draw, 0);
  }
}

import * as fc from 'fast-check';
import { AliasTable } from './alias-table';
import { Draws, seedKey } from './draws';
import { hex16, hex64, uuid } from './hex';
import { Permutation } from './permutation';
import { block, threefry } from './threefry';

const KEY = seedKey('test');
const hex = (word: number | undefined): string => ((word ?? 0) >>> 0).toString(16).padStart(8, '0');

describe('threefry', () => {
  /** From the known-answer tests of Random123 (kat_vectors, threefry2x32 13). */
  it.each([
    [0, 0, 0, 0, '9d1c5ec6', '8bd50731'],
    [-1, -1, -1, -1, 'fd36d048', '2d17272c'],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 'ba3e4725', 'f27d669e'],
  ])('has the known answers of its authors', (key0, key1, counter0, counter1, low, high) => {
    threefry(key0, key1, counter0, counter1);
    expect([hex(block[0]), hex(block[1])]).toEqual([low, high]);
  });
});

/** Pearson's statistic of counts that should be equal, as standard deviations from its mean. */
function chiSquareZ(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}

describe('draws', () => {
  const draws = new Draws(KEY, 'thing');
  const SAMPLES = 200_000;

  it.each<[string, (index: number) => number]>([
    ['things', (index) => draws.select(index).fraction(0)],
    ['draws of one thing', (index) => draws.select(7).fraction(index)],
    ['pieces of one thing', (index) => draws.select(7, index).fraction(3)],
    ['upper half of a pair', (index) => (draws.select(index).pair(0), draws.second)],
  ])('of consecutive %s are uniform, and independent of the one before', (_, fractionOf) => {
    const counts = new Array<number>(256).fill(0);
    const pairs = new Array<number>(256).fill(0);
    let before = 0;
    for (let index = 0; index < SAMPLES; index++) {
      const fraction = fractionOf(index);
      if (!(fraction > 0 && fraction < 1)) throw new RangeError(`not between 0 and 1: ${fraction}`);
      counts[Math.floor(fraction * 256)] = (counts[Math.floor(fraction * 256)] ?? 0) + 1;
      const place = Math.floor(before * 16) * 16 + Math.floor(fraction * 16);
      pairs[place] = (pairs[place] ?? 0) + 1;
      before = fraction;
    }
    expect(Math.abs(chiSquareZ(counts))).toBeLessThan(4);
    expect(Math.abs(chiSquareZ(pairs))).toBeLessThan(4);
  });

  it('of different kinds and seeds differ', () => {
    const first = draws.select(1).fraction(0);
    expect(new Draws(KEY, 'other').select(1).fraction(0)).not.toBe(first);
    expect(new Draws(seedKey('other'), 'thing').select(1).fraction(0)).not.toBe(first);
    expect(new Draws(KEY, 'thing').select(1).fraction(0)).toBe(first);
  });

  it.each([0.3, 4, 60, 900])('have the mean and the variance of a Poisson distribution: %d', (mean) => {
    let sum = 0;
    let squares = 0;
    const count = 40_000;
    for (let index = 0; index < count; index++) {
      const value = draws.select(index).poisson(1, mean);
      sum += value;
      squares += value * value;
    }
    const average = sum / count;
    expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(mean / count));
    expect((squares / count - average ** 2) / average).toBeCloseTo(1, 1);
  });

  it('have the moments of a normal distribution', () => {
    let sum = 0;
    let squares = 0;
    for (let index = 0; index < SAMPLES; index++) {
      const value = draws.select(index).normal(2);
      sum += value;
      squares += value * value;
    }
    expect(sum / SAMPLES).toBeCloseTo(0, 2);
    expect(squares / SAMPLES).toBeCloseTo(1, 1);
  });

  it('make ids of the form that contracts ask for, no two alike', () => {
    const ids = new Set<string>();
    for (let index = 0; index < 20_000; index++) {
      draws.select(index);
      const [id, sku] = [hex64(draws, 1), uuid(draws, 7)];
      if (index < 500) {
        expect(id).toMatch(/^[0-9a-f]{64}$/);
        expect(sku).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(hex16(draws, 9)).toMatch(/^[0-9a-f]{16}$/);
      }
      ids.add(id).add(sku);
    }
    expect(ids.size).toBe(40_000);
  });
});

describe('a permutation', () => {
  const permutation = new Permutation();

  it('has each number once, and its inverse finds it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer(), (size, key) => {
        permutation.choose(key, 1, 2, 3, size);
        const numbers = Array.from({ length: size }, (_, place) => permutation.at(place));
        expect(new Set(numbers).size).toBe(size);
        expect(Math.max(...numbers)).toBe(size - 1);
        numbers.forEach((number, place) => {
          expect(permutation.placeOf(number)).toBe(place);
        });
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it.each([10, 1_000, 65_537])('puts each number equally often at a place: %d numbers', (size) => {
    const counts = new Array<number>(10).fill(0);
    for (let key = 0; key < 50_000; key++) {
      const bin = Math.floor(
        (permutation.choose(KEY.key0, KEY.key1, key, 0, size).at(key % Math.min(size, 5)) * 10) / size,
      );
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    expect(Math.abs(chiSquareZ(counts))).toBeLessThan(4);
  });
});

describe('an alias table', () => {
  it('picks each item by its weight, exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 12 }), (weights) => {
        fc.pre(weights.some((weight) => weight > 0));
        const table = new AliasTable(weights);
        const steps = 1_000 * weights.length;
        const counts = new Array<number>(weights.length).fill(0);
        for (let step = 0; step < steps; step++) {
          const index = table.pick((step + 0.5) / steps);
          counts[index] = (counts[index] ?? 0) + 1;
        }
        weights.forEach((weight, index) => {
          expect(Math.abs((counts[index] ?? 0) / steps - weight / table.total)).toBeLessThan(0.002);
        });
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

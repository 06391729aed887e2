// Constants: a look-up of `Math` is slow where tests run.
const { floor } = Math;

/** Chooses among items by weight in constant time (Walker, Vose). */
export class AliasTable {
  readonly total: number;
  private readonly threshold: Float64Array;
  private readonly alias: Int32Array;

  /** @param weights at least one, none negative, not all 0 */
  constructor(weights: ArrayLike<number>) {
    const { length } = weights;
    let total = 0;
    for (let index = 0; index < length; index++) total += weights[index] as number;
    this.total = total;
    this.threshold = new Float64Array(length).fill(1);
    this.alias = new Int32Array(length);
    const scaled = Float64Array.from(weights, (weight) => (weight * length) / total);
    const small: number[] = [];
    const large: number[] = [];
    scaled.forEach((weight, index) => (weight < 1 ? small : large).push(index));
    for (let low = small.pop(), high = large.pop(); low !== undefined && high !== undefined; low = small.pop()) {
      this.threshold[low] = scaled[low] as number;
      this.alias[low] = high;
      const left = (scaled[high] as number) - (1 - (scaled[low] as number));
      scaled[high] = left;
      if (left < 1) {
        small.push(high);
        high = large.pop();
      }
    }
  }

  /** The index that belongs to a uniform fraction. */
  pick(fraction: number): number {
    const place = fraction * this.threshold.length;
    const index = floor(place);
    return place - index < (this.threshold[index] as number) ? index : (this.alias[index] as number);
  }
}

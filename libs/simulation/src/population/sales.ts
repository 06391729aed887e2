import { type Vertical } from '@orderstream/contracts';
import { type SeedKey } from '../random/draws';
import { Permutation } from '../random/permutation';
import { type Effect } from '../scenario/schema';
import { MICROS_PER_SECOND } from '../time/timestamps';
import { type Growth } from './growth';
import { type Product } from './product';
import { Recurring } from './recurring';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, max, min, round } = Math;

type FlashSale = Extract<Effect, { kind: 'flash-sale' }>;

/** The prices of a sale change one after the other within this time, at its beginning and at its end. */
const LONGEST_SPREAD_MICROS = 30 * MICROS_PER_SECOND;

/** One flash sale: which products it reduces when. */
export class Sale {
  readonly when: Recurring;
  private readonly spreadMicros: number;
  private readonly permutation = new Permutation();
  private window = NaN;
  private size = 0;

  constructor(
    private readonly seed: SeedKey,
    readonly effect: FlashSale,
    private readonly growth: Growth,
  ) {
    this.when = new Recurring(effect);
    this.spreadMicros = min(LONGEST_SPREAD_MICROS, this.when.durationMicros / 4);
  }

  /** Number of products that exist when a window begins. */
  sizeOf(window: number): number {
    this.choose(window);
    return this.size;
  }

  productAt(window: number, slot: number): number {
    this.choose(window);
    return this.permutation.at(slot);
  }

  /** When the price of a slot changes: at the beginning of the window (edge 0) or at its end (edge 1). */
  slotTime(window: number, edge: number, slot: number): number {
    this.choose(window);
    const edgeMicros = edge === 0 ? this.when.startOf(window) : this.when.endOf(window);
    return floor(edgeMicros + ((slot + 0.5) / this.size) * this.spreadMicros);
  }

  includes(vertical: Vertical): boolean {
    return this.effect.verticals.includes(vertical);
  }

  /** Whether the product is reduced at a time. */
  reduces(product: Product, micros: number): boolean {
    if (!this.includes(product.vendor.vertical)) return false;
    const window = this.when.lastWindow(micros);
    if (!this.when.happens(window) || micros >= this.when.endOf(window) + this.spreadMicros) return false;
    this.choose(window);
    if (product.number >= this.size) return false;
    const slot = this.permutation.placeOf(product.number);
    return this.slotTime(window, 0, slot) <= micros && micros < this.slotTime(window, 1, slot);
  }

  private choose(window: number): void {
    if (this.window === window) return;
    this.window = window;
    this.size = max(1, this.growth.countAt(this.when.startOf(window)));
    this.permutation.choose(this.seed.key0, this.seed.key1, window | 0, 1, this.size);
  }
}

/** All flash sales of a scenario. */
export class Sales {
  readonly sales: readonly Sale[];

  constructor(seed: SeedKey, effects: readonly Effect[], growth: Growth) {
    this.sales = effects.flatMap((effect) => (effect.kind === 'flash-sale' ? [new Sale(seed, effect, growth)] : []));
  }

  /** The price with the largest reduction of the sales at a time. */
  reduced(product: Product, cents: number, micros: number): number {
    let discount = 0;
    for (const sale of this.sales) {
      if (sale.effect.discount > discount && sale.reduces(product, micros)) discount = sale.effect.discount;
    }
    return discount === 0 ? cents : max(1, round(cents * (1 - discount)));
  }
}
